// All keys, at the right edge. Not a modal: the page keeps working behind it.
import { useWords } from "../i18n/use";
import { Panel, Part } from "../ui/Panel";
import { setPrefs, usePrefs } from "./prefs";

const GROUPS: { title: string; keys: [string[], string][] }[] = [
  {
    title: "help.everywhere",
    keys: [
      [["/"], "help.search"],
      [["?"], "help.help"],
      [["Esc"], "help.close"],
    ],
  },
  {
    title: "help.list",
    keys: [
      [["j", "↓"], "help.next"],
      [["k", "↑"], "help.previous"],
      [["Enter"], "help.open"],
      [["x"], "help.select"],
      [["Shift", "x"], "help.range"],
    ],
  },
  {
    title: "help.alert",
    keys: [
      [["a"], "help.acknowledge"],
      [["b"], "help.block"],
      [["c"], "help.close_alert"],
      [["n"], "help.note"],
      [["u"], "help.undo"],
    ],
  },
  {
    title: "help.drawer",
    keys: [
      [["Enter"], "help.block_now"],
      [["u"], "help.undo_block"],
    ],
  },
  {
    title: "help.value",
    keys: [
      [["o"], "value.only"],
      [["+"], "value.include"],
      [["-"], "value.exclude"],
      [["g"], "value.group"],
      [["b"], "value.block"],
    ],
  },
];

export default function Help({ onClose }: { onClose: () => void }) {
  const { t } = useWords();
  const { keys } = usePrefs();
  return (
    <div className="help-place">
      <Panel drawer label={t("help.title")} lead={<h2>{t("help.title")}</h2>} onClose={onClose}>
        {GROUPS.map((group) => (
          <Part key={group.title} title={t(group.title)}>
            <ul className="lines">
              {group.keys.map(([names, what]) => (
                <li key={what}>
                  <span>{t(what)}</span>
                  <span className="row">
                    {names.map((name) => (
                      <kbd key={name}>{name}</kbd>
                    ))}
                  </span>
                </li>
              ))}
            </ul>
          </Part>
        ))}
        <Part title={t("help.keys")}>
          <label className="row">
            <input type="checkbox" checked={keys} onChange={(event) => setPrefs({ keys: event.target.checked })} />
            {t("help.keys_act")}
          </label>
        </Part>
      </Panel>
    </div>
  );
}
