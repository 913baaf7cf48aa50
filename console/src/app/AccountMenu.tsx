// The person's own menu: theme, density, single keys, open sessions, log out. Loaded, and opened, at the first click.
import { Button, Header, Menu, MenuItem, MenuSection, MenuTrigger, Popover, Separator } from "react-aria-components";
import { useWords } from "../i18n/use";
import { Icon } from "../ui/Icon";
import { type Prefs, setPrefs, usePrefs } from "./prefs";
import { go } from "./router";
import { useLogOut, useMe } from "./session";

const THEMES: Prefs["theme"][] = ["auto", "light", "dark", "contrast"];
const DENSITIES: Prefs["density"][] = ["compact", "comfortable"];

export default function AccountMenu() {
  const { t } = useWords();
  const me = useMe();
  const chosen = usePrefs();
  const logOut = useLogOut();
  const mark = (on: boolean) => (on ? <Icon sign="check" size={14} /> : null);
  return (
    <MenuTrigger defaultOpen>
      <Button aria-label={t("account.menu", { name: me?.display_name ?? "" })}>
        <Icon sign="person" size={20} />
        <span className="who-me">{me?.display_name}</span>
      </Button>
      <Popover placement="right bottom" className="menu">
        <Menu
          aria-label={t("account.label")}
          onAction={(key) => {
            const [what, value] = String(key).split(":");
            if (what === "theme") setPrefs({ theme: value as Prefs["theme"] });
            else if (what === "density") setPrefs({ density: value as Prefs["density"] });
            else if (what === "keys") setPrefs({ keys: !chosen.keys });
            else if (what === "sessions") go("/settings/sessions");
            else if (what === "out") void logOut();
          }}
        >
          <MenuSection selectionMode="single" selectedKeys={[`theme:${chosen.theme}`]} disallowEmptySelection>
            <Header>{t("account.theme")}</Header>
            {THEMES.map((theme) => (
              <MenuItem key={theme} id={`theme:${theme}`} textValue={t(`account.theme_${theme}`)}>
                {t(`account.theme_${theme}`)}
                {mark(chosen.theme === theme)}
              </MenuItem>
            ))}
          </MenuSection>
          <Separator />
          <MenuSection selectionMode="single" selectedKeys={[`density:${chosen.density}`]} disallowEmptySelection>
            <Header>{t("account.density")}</Header>
            {DENSITIES.map((density) => (
              <MenuItem key={density} id={`density:${density}`} textValue={t(`account.density_${density}`)}>
                {t(`account.density_${density}`)}
                {mark(chosen.density === density)}
              </MenuItem>
            ))}
          </MenuSection>
          <Separator />
          <MenuItem id="keys:toggle">{t(chosen.keys ? "account.keys_off" : "account.keys_on")}</MenuItem>
          <MenuItem id="sessions:open">{t("account.sessions")}</MenuItem>
          <MenuItem id="out:now">{t("account.log_out")}</MenuItem>
        </Menu>
      </Popover>
    </MenuTrigger>
  );
}
