// Every drawn sign of the console, one line each. They stand beside words and are hidden from screen readers.
import type { ReactNode } from "react";

const SIGNS = {
  queue: (
    <>
      <path d="M3 5h14M3 10h9M3 15h6" />
      <circle cx="15.5" cy="14" r="2.2" />
    </>
  ),
  search: (
    <>
      <circle cx="9" cy="9" r="5.2" />
      <path d="m13 13 4 4" />
    </>
  ),
  block: (
    <>
      <path d="M10 2.5 16.5 5v4.6c0 3.9-2.7 6.5-6.5 7.9-3.8-1.4-6.500-4-6.500-7.900V5z" />
      <path d="M7 10h6" />
    </>
  ),
  settings: (
    <>
      <path d="M3 6h8M15 6h2M3 14h2M9 14h8" />
      <circle cx="13" cy="6" r="2" />
      <circle cx="7" cy="14" r="2" />
    </>
  ),
  person: (
    <>
      <circle cx="10" cy="6.500" r="3" />
      <path d="M4 17c.4-3.600 2.700-5.500 6-5.500s5.600 1.900 6 5.500" />
    </>
  ),
  close: <path d="m5 5 10 10M15 5 5 15" />,
  check: <path d="m4 10.500 4 4 8-9" />,
  cross: (
    <>
      <circle cx="10" cy="10" r="7.500" />
      <path d="m7.300 7.300 5.400 5.400M12.700 7.300l-5.400 5.400" />
    </>
  ),
  undo: <path d="M7 4 3.500 7.500 7 11M4 7.500h7.500a4.500 4.500 0 0 1 0 9H7" />,
  stop: (
    <>
      <path d="M7 2.500h6L17.500 7v6L13 17.500H7L2.500 13V7z" />
      <path d="M7 10h6" />
    </>
  ),
  phone: (
    <path d="M5.500 3.500 8 4l1 3.500-1.700 1.300a9 9 0 0 0 4 4L12.500 11l3.500 1 .5 2.500c-1 1.800-3 2-5 1-3-1.500-5.500-4-7-7-1-2-.8-4 1-5z" />
  ),
  down: <path d="m5 8 5 5 5-5" />,
  right: <path d="m8 5 5 5-5 5" />,
  plus: <path d="M10 4v12M4 10h12" />,
  triangle: <path d="M10 4 17 16H3z" />,
  square: <rect x="4.500" y="4.500" width="11" height="11" />,
  disc: <circle cx="10" cy="10" r="6" fill="currentColor" />,
  bubble: <path d="M4 4.500h12v8.500H9.500L6 16v-3H4z" />,
  copy: (
    <>
      <rect x="7" y="7" width="9.500" height="9.500" rx="1.500" />
      <path d="M13 7V4.500A1 1 0 0 0 12 3.500H4.500a1 1 0 0 0-1 1V12a1 1 0 0 0 1 1H7" />
    </>
  ),
  down_bar: <path d="M10 3v9M6 8.500l4 4 4-4M4 16.500h12" />,
  dash: <path d="M5 10h10" />,
} satisfies Record<string, ReactNode>;

export type Sign = keyof typeof SIGNS;

export function Icon({ sign, size = 16 }: { sign: Sign; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 20 20"
      fill="none"
      stroke="currentColor"
      strokeWidth={size > 16 ? 1.6 : 1.9}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      {SIGNS[sign]}
    </svg>
  );
}

/** The beacon: the product's mark. */
export function Beacon({ label, size = 32 }: { label: string; size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" role="img" aria-label={label}>
      <path d="M4 27h24l-3-3.500H7z" fill="currentColor" />
      <path d="M12.200 22 13.400 14h5.200l1.200 8z" fill="currentColor" />
      <path d="M6.200 22l.7-4h2.600l.7 4zM21.800 22l.7-4h2.600l.7 4z" fill="currentColor" opacity=".55" />
      <path
        d="M16 2.500c2.600 2.700 4 4.600 4 6.600a4 4 0 0 1-8 0c0-1.200.5-2.200 1.400-3.100.2 1 .7 1.500 1.300 1.700C14.500 5.800 14.900 4.100 16 2.500z"
        fill="var(--ember)"
      />
    </svg>
  );
}
