/** The row a reader is at. It lives in the URL, which follows 150 ms after motion stops. */

import { useCallback, useEffect, useRef, useState } from "react";

export interface Cursor {
  /** Index of the row; null before the first answer. */
  readonly row: number | null;
  /** Whether its pair is shown. */
  readonly open: boolean;
  /** Goes to a row; `visit` makes it a place of its own in the history. */
  readonly go: (
    row: number,
    options?: { readonly visit?: boolean; readonly open?: boolean },
  ) => void;
  readonly close: () => void;
}

const REST_MS = 150;

/** `fallback` is where a reader starts: the first divergence, opened where there is room for it. */
export function useCursor(
  asked: number | undefined,
  fallback: { readonly row: number | null; readonly open: boolean },
  write: (row: number | undefined, visit: boolean) => void,
): Cursor {
  const [place, setPlace] = useState<{ row: number; open: boolean } | null>(
    asked === undefined ? null : { row: asked, open: true },
  );
  const written = useRef(asked);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);

  useEffect(() => {
    // Back, forward and pasted addresses; what was written here is known already.
    if (asked === written.current) return;
    written.current = asked;
    setPlace(asked === undefined ? null : { row: asked, open: true });
  }, [asked]);
  useEffect(() => () => clearTimeout(timer.current), []);

  const put = useCallback(
    (row: number | undefined, visit: boolean) => {
      clearTimeout(timer.current);
      const write_ = () => {
        written.current = row;
        write(row, visit);
      };
      if (visit) write_();
      else timer.current = setTimeout(write_, REST_MS);
    },
    [write],
  );
  const go = useCallback<Cursor["go"]>(
    (row, { visit = false, open } = {}) => {
      setPlace((old) => ({ row, open: open ?? old?.open ?? fallback.open }));
      put(row, visit);
    },
    [put, fallback.open],
  );
  const current =
    place ?? (fallback.row === null ? null : { row: fallback.row, open: fallback.open });
  const row = current?.row ?? null;
  const close = useCallback(() => {
    if (row !== null) setPlace({ row, open: false });
    put(undefined, false);
  }, [row, put]);
  return { row, open: current?.open ?? false, go, close };
}
