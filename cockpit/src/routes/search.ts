/** URL state, validated: what does not fit falls back to the default. */

import * as v from "valibot";

const text = v.fallback(
  v.optional(v.pipe(v.union([v.string(), v.number()]), v.transform(String))),
  undefined,
);
const number = v.fallback(v.optional(v.pipe(v.number(), v.finite())), undefined);
const flag = v.fallback(v.optional(v.pipe(v.literal(1))), undefined);

const ORDERS = ["STARTED_DESC", "STARTED_ASC", "DURATION_DESC", "COST_DESC", "NAME_ASC"] as const;

export const runsSearch = v.object({
  q: text,
  sort: v.fallback(v.optional(v.picklist(ORDERS)), undefined),
});

export const runSearch = v.object({
  tab: text,
  view: v.fallback(v.optional(v.picklist(["tree", "waterfall"])), undefined),
  axis: v.fallback(v.optional(v.picklist(["time", "steps"])), undefined),
  from: number,
  to: number,
  fold: text,
  q: text,
  follow: flag,
  base: text,
});

export const forkSearch = v.object({
  side: v.fallback(v.optional(v.picklist(["before", "after"])), undefined),
  resumes: text,
});

export const sessionSearch = v.object({
  /** Sessions of the other samples, with dots between. */
  with: text,
});

export const diffSearch = v.object({
  row: number,
  tab: text,
  only: v.fallback(v.optional(v.picklist(["changes"])), undefined),
});

export const cohortSearch = v.object({
  /** Which runs, as the filter line of the list. */
  q: text,
});
