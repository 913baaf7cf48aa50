// Who to call about an alert, and how alerts like it ended.
import type { AlertDetail } from "../api/types";
import { Link } from "../app/Link";
import { isoDate } from "../i18n/format";
import { useKnown, useWords } from "../i18n/use";
import { Icon } from "../ui/Icon";
import { Part } from "../ui/Panel";

export function People({ detail }: { detail: AlertDetail }) {
  const { t, nameOf } = useWords();
  return (
    <Part title={t("alert.people")} note={nameOf(detail.row.agency)}>
      {detail.contacts.length === 0 ? <p className="warn s13">{t("alert.nobody")}</p> : null}
      <ul className="ppl">
        {detail.contacts.map((person) => (
          <li key={`${person.name}-${person.role}`} className={person.on_duty ? "now" : undefined}>
            <span>
              <b>{person.name}</b> {t(`role.${person.role}`)}
              {person.on_duty ? ` · ${t("alert.on_duty")}` : null}
            </span>
            {person.away_until ? (
              <span className="tag">{t("alert.away", { date: person.away_until.slice(5, 10) })}</span>
            ) : person.phone ? (
              <a className="row nowrap" href={`tel:${person.phone.replace(/[^\d+]/g, "")}`}>
                <Icon sign="phone" size={14} />
                {person.phone}
              </a>
            ) : null}
          </li>
        ))}
      </ul>
    </Part>
  );
}

export function Similar({ detail }: { detail: AlertDetail }) {
  const { t } = useWords();
  const known = useKnown();
  if (detail.similar.length === 0) return null;
  const because = [...new Set(detail.similar.flatMap((each) => each.because))].map((each) => known("similar", each));
  return (
    <Part title={t("alert.similar")} note={because.join(", ")}>
      <ul className="sim">
        {detail.similar.map((each) => (
          <li key={each.id}>
            <Link className="mono" href={`/queue?tab=closed&hours=720&alert=${each.id}`}>
              A-{each.id}
            </Link>
            <span>
              {isoDate(each.closed_at).slice(5)} · {each.text}
            </span>
            <span className={each.verdict === "true_positive" ? "tag bad" : "tag"}>{t(`verdict.${each.verdict}`)}</span>
          </li>
        ))}
      </ul>
    </Part>
  );
}
