/** The opened pair. Another one is asked for 80 ms after motion stops; the old one stays till then. */

import { useEffect, useRef, useState } from "react";
import { bulkQuery } from "../graphql/bulk";
import { type Failure, failureOf } from "../graphql/failure";
import { type Delta, readDelta } from "./deltas";
import type { Loaded } from "./loaded";
import { DIFF_PAIR, type OpenedPair, type PairStep } from "./questions";

export interface Pair {
  readonly index: number;
  readonly delta: Delta;
  readonly left: PairStep | null;
  readonly right: PairStep | null;
}

export interface Opened {
  readonly pair: Pair | null;
  /** The shown pair is not the asked one yet. */
  readonly stale: boolean;
  readonly failure: Failure | null;
  readonly retry: () => void;
}

const PATIENCE_MS = 80;

export function usePair(a: string, b: string, loaded: Loaded, index: number | null): Opened {
  const [pair, setPair] = useState<Pair | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [round, setRound] = useState(0);
  const kept = useRef(new Map<string, Pair>());
  const ready = index !== null && loaded.rows.has(index);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another round asks again.
  useEffect(() => {
    if (index === null || !ready) return;
    const key = `${a} ${b} ${index}`;
    setFailure(null);
    const held = kept.current.get(key);
    if (held) return setPair(held);
    const controller = new AbortController();
    const timer = setTimeout(() => {
      openPair(a, b, index, controller.signal)
        .then((opened) => {
          kept.current.set(key, opened);
          setPair(opened);
        })
        .catch((error: unknown) => {
          if (!controller.signal.aborted) setFailure(failureOf(error));
        });
    }, PATIENCE_MS);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [a, b, index, ready, round]);

  const retry = () => setRound((old) => old + 1);
  return { pair, stale: pair?.index !== index, failure, retry };
}

async function openPair(a: string, b: string, index: number, signal: AbortSignal): Promise<Pair> {
  const { diff } = await bulkQuery<OpenedPair>(DIFF_PAIR, { a, b, from: index }, signal);
  const node = diff.rows.nodes[0];
  if (node?.index !== index) throw new Error("A run has grown; compare again.");
  return { index, delta: readDelta(node.delta), left: node.left, right: node.right };
}
