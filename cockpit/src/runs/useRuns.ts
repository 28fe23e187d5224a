/** The pages of the run list, kept fresh: rows change in place, new runs only raise a count. */

import { useCallback, useEffect, useReducer, useRef } from "react";
import { client } from "../graphql/client";
import { type Failure, failureOf } from "../graphql/failure";
import type { RunFilter, RunOrder, RunRowFragment } from "../graphql/generated/graphql";
import { follow } from "../graphql/socket";
import { RUNS_CHANGED, RunsPage } from "./documents";
import { EMPTY_LIST, type RunList, reduceRuns } from "./list";

const PAGE = 50;

interface Asked {
  readonly filter: RunFilter;
  readonly orderBy: RunOrder;
}

async function ask(asked: Asked, more: { after?: string | null; ids?: string[] }) {
  const filter = more.ids ? { ...asked.filter, ids: more.ids } : asked.filter;
  const variables = {
    first: more.ids?.length ?? PAGE,
    after: more.after ?? null,
    filter,
    orderBy: asked.orderBy,
  };
  const result = await client
    .query(RunsPage, variables, { requestPolicy: "network-only" })
    .toPromise();
  if (result.error || !result.data) throw result.error ?? new Error("The server sent no runs.");
  return result.data.runs;
}

export interface Runs {
  readonly list: RunList;
  readonly failure: Failure | null;
  readonly loadMore: () => void;
  readonly reload: () => void;
}

/** Runs of `filter`; the key of the filter, not its identity, decides when to ask again. */
export function useRuns(filter: RunFilter, orderBy: RunOrder): Runs {
  const [list, dispatch] = useReducer(reduceRuns, EMPTY_LIST);
  const key = JSON.stringify([filter, orderBy]);
  const asked = useRef<Asked>({ filter, orderBy });
  asked.current = { filter, orderBy };
  const round = useRef(0);
  const busy = useRef(false);

  const load = useCallback((after: string | null) => {
    if (after !== null && busy.current) return;
    busy.current = true;
    const mine = after === null ? ++round.current : round.current;
    ask(asked.current, { after })
      .then((page) => {
        if (mine !== round.current) return;
        dispatch({ type: after === null ? "loaded" : "continued", page });
      })
      .catch((error: unknown) => {
        if (mine === round.current) dispatch({ type: "failed", failure: failureOf(error) });
      })
      .finally(() => {
        busy.current = false;
      });
  }, []);

  // biome-ignore lint/correctness/useExhaustiveDependencies: `key` stands for what is asked.
  useEffect(() => {
    dispatch({ type: "asked" });
    load(null);
  }, [key, load]);

  useEffect(() => {
    const changed = async (ids: string[]) => {
      const mine = round.current;
      const { nodes } = await ask(asked.current, { ids: ids.slice(0, 200) });
      if (mine === round.current) dispatch({ type: "changed", runs: nodes });
    };
    const following = follow<{ runsChanged: string[] }>({
      operation: () => ({ query: RUNS_CHANGED, variables: {} }),
      onData: ({ runsChanged }) => void changed(runsChanged).catch(() => {}),
      onEnd: () => {},
    });
    return () => following.stop();
  }, []);

  const loadMore = useCallback(() => {
    if (list.next !== null) load(list.next);
  }, [list.next, load]);
  const reload = useCallback(() => load(null), [load]);
  return { list, failure: list.failure, loadMore, reload };
}

export type RunRow = RunRowFragment;
