// The queue as a grid: one row per group. The row under the hand has the focus; the row shown in the panel is marked.
import { Fragment, useEffect, useRef } from "react";
import type { AlertRow, BlockBrief } from "../api/types";
import { useNow } from "../app/now";
import { useWords } from "../i18n/use";
import { Bars } from "../ui/Bars";
import { Due } from "../ui/Due";
import { Example } from "../ui/Example";
import { Icon } from "../ui/Icon";
import { Severity } from "../ui/Severity";
import { Time } from "../ui/Time";

export function BlockTag({ block }: { block: BlockBrief }) {
  const { t, duration } = useWords();
  const now = useNow();
  const left = block.expires_at ? (new Date(block.expires_at).getTime() - now) / 1000 : 0;
  if (block.state === "applied") {
    return (
      <span className="bs">
        <span className={block.dry_run ? "tag hatch" : "tag ok"}>
          <Icon sign="check" size={14} />
          {t(block.dry_run ? "block_state.applied_dry" : "block_state.applied")}
        </span>
        {left > 0 ? <small>{t("block.left", { time: duration(left) })}</small> : null}
      </span>
    );
  }
  if (block.state === "proposed") {
    return (
      <span className={block.waiting ? "tag" : "tag prop"}>
        {t(block.waiting ? "block_state.waiting" : "block_state.proposed")}
      </span>
    );
  }
  return <span className={block.state === "refused" ? "tag bad" : "tag"}>{t(`block_state.${block.state}`)}</span>;
}

interface Section {
  title: string | null;
  rows: AlertRow[];
}

interface Props {
  sections: Section[];
  /** Agency and entity have columns of their own while the panel is closed. */
  wide: boolean;
  cursor: number | null;
  opened: number | null;
  selected: ReadonlySet<number>;
  gone: ReadonlySet<number>;
  caption: string;
  /** Owners and selection boxes are of use only to those who work alerts. */
  canSelect: boolean;
  onCursor: (id: number) => void;
  onOpen: (id: number) => void;
  onSelect: (id: number, range: boolean) => void;
}

function Row({ row, ...p }: Props & { row: AlertRow }) {
  const { t, count, nameOf, pick } = useWords();
  const element = useRef<HTMLTableRowElement>(null);
  const here = p.cursor === row.id;
  const isSelected = p.selected.has(row.id);
  useEffect(() => {
    if (here) element.current?.scrollIntoView?.({ block: "nearest" });
  }, [here]);
  const classes = [p.gone.has(row.id) ? "gone" : "", isSelected ? "picked" : ""].join(" ").trim();
  return (
    <tr
      ref={element}
      data-alert={row.id}
      tabIndex={here ? 0 : -1}
      aria-selected={p.opened === row.id}
      className={classes || undefined}
      onFocus={(event) => event.target === event.currentTarget && p.onCursor(row.id)}
      onClick={() => p.onOpen(row.id)}
    >
      <td className="pick">
        {p.canSelect ? (
          <input
            type="checkbox"
            tabIndex={-1}
            checked={isSelected}
            aria-label={t("queue.select", { id: `A-${row.id}` })}
            onClick={(event) => {
              event.stopPropagation();
              p.onSelect(row.id, event.shiftKey);
            }}
            onChange={() => {}}
          />
        ) : null}
      </td>
      <td>
        <Severity level={row.severity} />
      </td>
      <td>
        <Due due={row.due_at} opened={row.opened_at} />
      </td>
      <td className="why">
        <b title={pick(row.reason, row.reason_en)}>{pick(row.reason, row.reason_en)}</b>
        <span className="who">
          {p.wide ? null : (
            <>
              <span className="cut">{nameOf(row.agency)}</span>
              <i aria-hidden="true">/</i>
              <span className="cut">{row.entity.system ?? row.entity.value}</span>
            </>
          )}
          <span className="at">
            <Time at={row.last_at} />
          </span>
          {p.wide ? <span className="t3 cut">{pick(row.rule_title, row.rule_title_en)}</span> : null}
          <Example is={row.example} />
          {p.gone.has(row.id) ? <span className="t3">{t("queue.gone")}</span> : null}
        </span>
      </td>
      {p.wide ? (
        <>
          <td className="s13">{nameOf(row.agency)}</td>
          <td className="s13">
            {row.entity.system ? <span className="cut ent">{row.entity.system}</span> : null}
            <span className="mono cut ent">{row.entity.value}</span>
          </td>
        </>
      ) : null}
      <td>
        <span className="cnt">
          <Bars values={row.sparkline} width={52} height={18} />
          <span>{count(row.count)}</span>
        </span>
      </td>
      <td className="ow">
        {row.owner ? nameOf(row.owner) : <span className="vh">{t("queue.nobody")}</span>}
        {row.state === "closed" ? <span className="tag">{t("alert_state.closed")}</span> : null}
      </td>
      <td>{row.block ? <BlockTag block={row.block} /> : <span className="vh">{t("none")}</span>}</td>
    </tr>
  );
}

export function QueueTable(props: Props) {
  const { t, count } = useWords();
  const columns = props.wide ? 9 : 7;
  return (
    <table className="grid two-line q" role="grid" aria-label={props.caption}>
      <colgroup>
        <col className="c-x" />
        <col className="c-s" />
        <col className="c-t" />
        <col />
        {props.wide ? (
          <>
            <col className="c-a" />
            <col className="c-e" />
          </>
        ) : null}
        <col className="c-n" />
        <col className="c-o" />
        <col className="c-b" />
      </colgroup>
      <thead>
        <tr>
          <th scope="col">
            <span className="vh">{t("queue.selection")}</span>
          </th>
          <th scope="col">{t("queue.severity")}</th>
          <th scope="col">{t("queue.due")}</th>
          <th scope="col">{t("queue.reason")}</th>
          {props.wide ? (
            <>
              <th scope="col">{t("field.agency")}</th>
              <th scope="col">{t("queue.entity")}</th>
            </>
          ) : null}
          <th scope="col" className="num">
            {t("queue.count")}
          </th>
          <th scope="col">{t("queue.owner")}</th>
          <th scope="col">{t("queue.block")}</th>
        </tr>
      </thead>
      <tbody>
        {props.sections.map((section) => (
          <Fragment key={section.title ?? "all"}>
            {section.title ? (
              <tr className="sec">
                <th colSpan={columns} scope="rowgroup">
                  {section.title} <span>{count(section.rows.length)}</span>
                </th>
              </tr>
            ) : null}
            {section.rows.map((row) => (
              <Row key={row.id} row={row} {...props} />
            ))}
          </Fragment>
        ))}
      </tbody>
    </table>
  );
}
