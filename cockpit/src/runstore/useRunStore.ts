/** The one place where the run store meets React. */

import { useEffect, useMemo, useSyncExternalStore } from "react";
import { connection, onConnection } from "../graphql/socket";
import { RunStore } from "./store";

/** The run that was open last: a replay of it shows it as its recording. */
let last: RunStore | null = null;

/** The store of a run, opened while the component lives; renders again with every version. */
export function useRunStore(runId: string, patient = false): RunStore {
  // biome-ignore lint/correctness/useExhaustiveDependencies: patience matters when it is opened.
  const store = useMemo(() => new RunStore(runId, patient), [runId]);
  useEffect(() => {
    last = store;
    void store.open();
    return () => store.close();
  }, [store]);
  useSyncExternalStore(store.subscribe, () => store.version);
  return store;
}

/** What is loaded already and can change no more. */
function loaded(runId: string): RunStore | null {
  return last?.runId === runId && last.phase === "ready" && !last.running ? last : null;
}

/** As `useRunStore`, of a run that may not be asked for. */
export function useOptionalRunStore(runId: string | null): RunStore | null {
  const store = useMemo(
    () => (runId === null ? null : (loaded(runId) ?? new RunStore(runId))),
    [runId],
  );
  useEffect(() => {
    void store?.open();
    return () => store?.close();
  }, [store]);
  useSyncExternalStore(store ? store.subscribe : nothing, () => store?.version ?? 0);
  return store;
}

function nothing(): () => void {
  return () => {};
}

const PATIENCE_MS = 3_000;
let lostSince = 0;
let announced = false;
const listeners = new Set<() => void>();

function watch(): void {
  const lost = connection() === "lost";
  if (lost && lostSince === 0) {
    lostSince = performance.now();
    setTimeout(announce, PATIENCE_MS);
  }
  if (!lost) lostSince = 0;
  announce();
}

function announce(): void {
  const now = lostSince > 0 && performance.now() - lostSince >= PATIENCE_MS;
  if (now === announced) return;
  announced = now;
  for (const listener of listeners) listener();
}

onConnection(watch);

/** Whether the live connection has been gone for 3 seconds. */
export function useConnectionLost(): boolean {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => announced,
  );
}
