// Severity gains corners: ring, dot, diamond, triangle, octagon. Shape + word + colour, so that it reads in black and white.
import type { Severity as Level } from "../api/types";
import { useWords } from "../i18n/use";

function Shape({ level }: { level: Level }) {
  switch (level) {
    case "critical":
      return (
        <>
          <path d="M4.200.8h5.600L13.200 4.200v5.600L9.800 13.200H4.200L.8 9.800V4.200z" fill="var(--sg)" />
          <path d="M7 3.600v4.200M7 10.200v.3" stroke="var(--on-sev)" strokeWidth="1.900" strokeLinecap="round" />
        </>
      );
    case "high":
      return (
        <path
          d="M7 1.200 13.400 12.500H.6z"
          fill="var(--sg)"
          stroke="var(--sg)"
          strokeWidth="1"
          strokeLinejoin="round"
        />
      );
    case "medium":
      return <path d="M7 .9 13.100 7 7 13.100.9 7z" fill="var(--sg)" />;
    case "low":
      return <circle cx="7" cy="7" r="4.500" fill="var(--sg)" />;
    case "info":
      return <circle cx="7" cy="7" r="4" fill="none" stroke="var(--sg)" strokeWidth="2" />;
  }
}

export function Severity({ level }: { level: Level }) {
  const { t } = useWords();
  return (
    <span className={`sev sev-${level}`}>
      <svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true">
        <Shape level={level} />
      </svg>
      {t(`severity.${level}`)}
    </span>
  );
}
