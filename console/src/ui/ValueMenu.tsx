// The value menu: every entry with its key. Only entries that work are here.
import type { KeyboardEvent, RefObject } from "react";
import { Menu, MenuItem, Popover, Separator } from "react-aria-components";
import { useWords } from "../i18n/use";
import { exclude, groupBy, include, looksLikeAddress, term } from "../search/query";
import type { Opened, ValueActions } from "./Value";

const KEYS: Record<string, string> = {
  o: "only",
  "+": "include",
  "=": "include",
  "-": "exclude",
  g: "group",
  b: "block",
};

interface Props {
  opened: Opened;
  anchor: RefObject<HTMLElement | null>;
  actions: ValueActions;
  onClose: () => void;
}

export default function ValueMenu({ opened, anchor, actions, onClose }: Props) {
  const { t } = useWords();
  const { field, value } = opened;
  const inSearch = actions.query !== undefined;
  const query = actions.query ?? "";
  const canBlock = actions.onBlock !== undefined && looksLikeAddress(value);
  const act = (what: string) => {
    onClose();
    if (what === "only") actions.onQuery(term(field, value));
    else if (what === "include") actions.onQuery(include(query, field, value));
    else if (what === "exclude") actions.onQuery(exclude(query, field, value));
    else if (what === "group") actions.onQuery(groupBy(query, field));
    else if (what === "block") actions.onBlock?.(value);
  };
  const allowed = (what: string) => (what === "block" ? canBlock : what === "only" || inSearch);
  const key = (event: KeyboardEvent) => {
    const letter = /^Key([A-Z])$/.exec(event.code)?.[1]?.toLowerCase();
    const what = KEYS[letter ?? event.key];
    if (!what || !allowed(what) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    act(what);
  };
  const item = (what: string, sign: string) => (
    <MenuItem id={what} textValue={t(`value.${what}`)}>
      {t(`value.${what}`)}
      <kbd>{sign}</kbd>
    </MenuItem>
  );
  return (
    <Popover
      triggerRef={anchor}
      isOpen
      onOpenChange={(open) => !open && onClose()}
      placement="bottom start"
      className="menu"
      aria-label={t("value.menu", { value })}
    >
      <div onKeyDownCapture={key}>
        <span className="mh mono">
          {field}: {value}
        </span>
        <Menu
          aria-label={t("value.menu", { value })}
          autoFocus="first"
          onAction={(id) => act(String(id))}
          onClose={onClose}
        >
          {inSearch ? (
            <>
              {item("only", "o")}
              {item("include", "+")}
              {item("exclude", "-")}
              {item("group", "g")}
            </>
          ) : (
            <MenuItem id="only" textValue={t("value.find")}>
              {t("value.find")}
              <kbd>o</kbd>
            </MenuItem>
          )}
          {canBlock ? (
            <>
              <Separator />
              {item("block", "b")}
            </>
          ) : null}
        </Menu>
      </div>
    </Popover>
  );
}
