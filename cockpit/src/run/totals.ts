/** Figures of a run: while it runs, summed from its columns; then the server's. */

import { Flag } from "../runstore/columns";
import type { RunStore } from "../runstore/store";
import type { Totals } from "./Header";

export function totalsOf(store: RunStore): Totals {
  const { facts, columns } = store;
  if (facts && facts.status !== "RUNNING") {
    const known = facts.tokensIn !== null || facts.tokensOut !== null;
    return {
      steps: facts.stepCount,
      errors: facts.errorCount,
      tokens: known ? Number(facts.tokensIn ?? 0) + Number(facts.tokensOut ?? 0) : null,
      microUsd: facts.costMicroUsd === null ? null : Number(facts.costMicroUsd),
    };
  }
  let errors = 0;
  let tokens = 0;
  let microUsd = 0;
  for (let row = 0; row < columns.count; row++) {
    if ((columns.flags[row] ?? 0) & Flag.error) errors++;
    tokens += columns.tokens[row] ?? 0;
    microUsd += columns.microUsd[row] ?? 0;
  }
  return { steps: columns.count, errors, tokens: tokens || null, microUsd: microUsd || null };
}
