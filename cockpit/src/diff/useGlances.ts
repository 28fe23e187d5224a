/** What the rows in view were asked and answered: one request in flight, the newest view wins. */

import { useCallback, useEffect, useRef, useState } from "react";
import { askWhatMayBeRead } from "./ask";
import { type GlanceText, glanceText } from "./glance";
import { classOf, type Loaded } from "./loaded";
import { CHANGED, DIFF_GLANCES, type Glances } from "./questions";

export interface RowGlance {
  readonly left: GlanceText;
  readonly right: GlanceText;
}

const ROWS = 32;
const PATIENCE_MS = 60;
const UNKNOWN: RowGlance = { left: glanceText(null), right: glanceText(null) };

export function useGlances(a: string, b: string, loaded: Loaded, indexes: readonly number[]) {
  const [glances, setGlances] = useState<ReadonlyMap<number, RowGlance>>(new Map());
  const known = useRef(new Map<number, RowGlance>());
  const busy = useRef(false);
  const view = useRef({ loaded, indexes });
  view.current = { loaded, indexes };

  // biome-ignore lint/correctness/useExhaustiveDependencies: other runs have other rows.
  useEffect(() => {
    known.current = new Map();
    setGlances(known.current);
  }, [a, b]);

  const ask = useCallback(async (): Promise<void> => {
    const wanted = view.current.indexes.filter((index) => !known.current.has(index));
    const from = wanted[0];
    if (from === undefined) return;
    const rows = await glancesFrom(a, b, view.current.loaded, wanted);
    const next = new Map(known.current);
    next.set(from, UNKNOWN);
    for (const { index, left, right } of rows) {
      next.set(index, { left: glanceText(left), right: glanceText(right) });
    }
    known.current = next;
    setGlances(next);
    await ask();
  }, [a, b]);

  const key = indexes.join();
  // biome-ignore lint/correctness/useExhaustiveDependencies: `key` stands for the rows in view.
  useEffect(() => {
    const timer = setTimeout(() => {
      if (busy.current) return;
      busy.current = true;
      ask()
        // A row without its glance still names its step; the next view asks again.
        .catch(() => {})
        .finally(() => {
          busy.current = false;
        });
    }, PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [key, ask]);
  return glances;
}

/** Rows with folds between them are asked for alone: what folds is equal. */
async function glancesFrom(a: string, b: string, loaded: Loaded, wanted: readonly number[]) {
  const changed = wanted.every((index) => classOf(loaded, index) !== "same");
  const asked = { a, b, first: ROWS, from: wanted[0] ?? 0, only: changed ? CHANGED : null };
  const { diff } = await askWhatMayBeRead<Glances>(DIFF_GLANCES, asked);
  return diff.rows.nodes;
}
