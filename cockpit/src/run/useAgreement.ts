import { useEffect, useState } from "react";
import { client } from "../graphql/client";
import type { RunStore } from "../runstore/store";
import { Agreements } from "./documents";
import { type Agreement, agreementOf, agreementOfFlags } from "./marks";

/** Only rows that are not equal are asked for: all others are. */
const UNEQUAL = [
  "origin",
  "intervention",
  "propagated",
  "absorbed",
  "inserted",
  "removed",
  "integrity",
];
const MOST_PAGES = 25;

/** Marks by step number of `run`, compared with `base`; null until they are known. */
async function unequal(base: string, run: string): Promise<Map<number, Agreement>> {
  const marks = new Map<number, Agreement>();
  let after: string | null = null;
  for (let page = 0; page < MOST_PAGES; page++) {
    const variables: { a: string; b: string; after: string | null; only: string[] } = {
      a: base,
      b: run,
      after,
      only: UNEQUAL,
    };
    const { data, error } = await client.query(Agreements, variables).toPromise();
    if (error || !data) throw error ?? new Error("no comparison");
    for (const row of data.diff.rows.nodes) {
      const mark = agreementOf(row.class);
      if (row.right && mark) marks.set(Number(row.right.sequence), mark);
    }
    if (!data.diff.rows.pageInfo.hasNextPage) break;
    after = data.diff.rows.pageInfo.endCursor ?? null;
  }
  return marks;
}

/** How each step agrees with the recording: from the comparison once there is one, else from flags. */
export function useAgreement(store: RunStore, base: string | null) {
  const [marks, setMarks] = useState<Map<number, Agreement> | null>(null);
  const ready = base !== null && store.phase === "ready" && !store.running;
  useEffect(() => {
    setMarks(null);
    if (!ready || base === null) return;
    let late = false;
    unequal(base, store.runId)
      .then((found) => late || setMarks(found))
      .catch(() => {});
    return () => {
      late = true;
    };
  }, [ready, base, store.runId]);
  if (base === null) return null;
  return (row: number): Agreement | null => {
    if (marks) return marks.get(store.columns.sequence[row] ?? -1) ?? "equal";
    return agreementOfFlags(store.columns.flags[row] ?? 0);
  };
}
