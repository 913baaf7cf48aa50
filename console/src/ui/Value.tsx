// A value a person can act on: click opens the value menu. One menu per page; its code is loaded at the first click.
import { createContext, lazy, type ReactNode, Suspense, useContext, useMemo, useRef, useState } from "react";

const ValueMenu = lazy(() => import("./ValueMenu"));

export interface Opened {
  field: string;
  value: string;
  anchor: HTMLElement;
}

/** What a page does with a value beyond going to the search. */
export interface ValueActions {
  /** The search's own query, when the page is the search. */
  query?: string;
  /** Take a new query. */
  onQuery: (q: string) => void;
  /** Open the block drawer for this address; absent: the person may not. */
  onBlock?: (target: string) => void;
}

const Context = createContext<{ opened: Opened | null; open: (value: Opened) => void }>({
  opened: null,
  open: () => {},
});

export function Values({ actions, children }: { actions: ValueActions; children: ReactNode }) {
  const [opened, setOpened] = useState<Opened | null>(null);
  const anchor = useRef<HTMLElement | null>(null);
  anchor.current = opened?.anchor ?? anchor.current;
  const context = useMemo(() => ({ opened, open: setOpened }), [opened]);
  return (
    <Context value={context}>
      {children}
      {opened ? (
        <Suspense>
          <ValueMenu opened={opened} anchor={anchor} actions={actions} onClose={() => setOpened(null)} />
        </Suspense>
      ) : null}
    </Context>
  );
}

export function Value({
  field,
  value,
  mono = false,
  children,
}: {
  field: string;
  value: string;
  mono?: boolean;
  children?: ReactNode;
}) {
  const { opened, open } = useContext(Context);
  const place = useRef<HTMLButtonElement>(null);
  return (
    <button
      type="button"
      ref={place}
      className={mono ? "val mono" : "val"}
      aria-haspopup="menu"
      aria-expanded={opened !== null && opened.anchor === place.current}
      onClick={(event) => {
        event.stopPropagation();
        open({ field, value, anchor: event.currentTarget });
      }}
    >
      {children ?? value}
    </button>
  );
}
