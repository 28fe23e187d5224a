/** The values the tabs begin with, loaded as tabs are opened. */

import { useEffect, useState } from "react";
import { type Failure, failureOf } from "../graphql/failure";
import type { StepOf } from "../inspector/tabs";
import type { EditTab, Original } from "./draft";
import { loadOriginal } from "./originals";

export interface Originals {
  readonly found: Readonly<Partial<Record<EditTab, Original>>>;
  readonly failed: Readonly<Partial<Record<EditTab, Failure>>>;
}

const NONE: Originals = { found: {}, failed: {} };

/** Loads what the tabs of `wanted` begin with; each once. */
export function useOriginals(
  run: string,
  step: StepOf | null,
  model: StepOf | null,
  wanted: readonly EditTab[],
): Originals {
  const [state, setState] = useState<Originals>(NONE);
  const key = wanted.join(" ");
  const ready = step !== null;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key stands for the tabs, ids for steps.
  useEffect(() => {
    if (!step) return;
    let late = false;
    for (const tab of wanted) {
      if (tab in state.found || tab in state.failed) continue;
      loadOriginal(run, tab, step, model)
        .then((original) => {
          if (!late) setState((old) => ({ ...old, found: { ...old.found, [tab]: original } }));
        })
        .catch((error: unknown) => {
          const failure = failureOf(error);
          if (!late) setState((old) => ({ ...old, failed: { ...old.failed, [tab]: failure } }));
        });
    }
    return () => {
      late = true;
    };
  }, [run, ready, step?.id, model?.id, key]);
  return state;
}
