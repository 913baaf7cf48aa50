// Small bars in ink: the darkest is now. Every use gives the text alternative, or hides the drawing where the same
// figures stand beside it.
interface BarsProps {
  values: readonly number[];
  width: number;
  height: number;
  /** What it shows, in words with figures; absent: the figures stand beside it. */
  label?: string;
  /** Stretch to the width of its place. */
  wide?: boolean;
  /** Paint the last bar as now. */
  now?: boolean;
}

export function Bars({ values, width, height, label, wide = false, now = true }: BarsProps) {
  const most = Math.max(1, ...values);
  const step = width / Math.max(1, values.length);
  const gap = step > 8 ? 2 : 1;
  return (
    <svg
      width={wide ? "100%" : width}
      height={height}
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio={wide ? "none" : undefined}
      role={label ? "img" : undefined}
      aria-label={label}
      aria-hidden={label ? undefined : true}
    >
      {values.map((value, i) => {
        const h = value === 0 ? 1 : Math.max(1.5, (value / most) * (height - 1));
        const last = now && i === values.length - 1;
        const fill = value === 0 ? "var(--chart-3)" : last ? "var(--chart-now)" : "var(--chart-2)";
        return (
          <rect key={i} x={i * step + gap / 2} y={height - h} width={Math.max(1, step - gap)} height={h} fill={fill} />
        );
      })}
    </svg>
  );
}
