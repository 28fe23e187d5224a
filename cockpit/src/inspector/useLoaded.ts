import { useCallback, useEffect, useState } from "react";
import { type Failure, failureOf } from "../graphql/failure";

export interface Loaded<T> {
  /** What was loaded last; stays, to be dimmed, while something else loads. */
  readonly value: T | null;
  readonly failure: Failure | null;
  readonly loading: boolean;
  readonly retry: () => void;
}

/** Loads when `key` changes; an answer that comes too late is dropped. */
export function useLoaded<T>(key: string, load: () => Promise<T>): Loaded<T> {
  const [state, setState] = useState<{ value: T | null; failure: Failure | null; of: string }>({
    value: null,
    failure: null,
    of: "",
  });
  const [round, setRound] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `key` stands for what `load` asks.
  useEffect(() => {
    let late = false;
    load()
      .then((value) => late || setState({ value, failure: null, of: key }))
      .catch(
        (error: unknown) => late || setState({ value: null, failure: failureOf(error), of: key }),
      );
    return () => {
      late = true;
    };
  }, [key, round]);
  const retry = useCallback(() => setRound((n) => n + 1), []);
  return { value: state.value, failure: state.failure, loading: state.of !== key, retry };
}
