/** The relational plane: urql with Graphcache. Columns and live batches go past it (bulk.ts, socket.ts). */

import { Client, fetchExchange } from "@urql/core";
import { cacheExchange } from "@urql/exchange-graphcache";
import { authHeaders } from "../auth";

const EMBEDDED = [
  "Artifact",
  "CancelReplayPayload",
  "DiffReport",
  "DiffRow",
  "Event",
  "Part",
  "Project",
  "ReplayBudgets",
  "ReplayChoice",
  "ReplayCut",
  "ReplayEstimate",
  "ReplayFailedStep",
  "ReplayPlan",
  "ReplayPlanEffect",
  "ReplayPlanGroup",
  "ReplayProgress",
  "ReplayRefusal",
  "ReplaySessionConnection",
  "ReplaySpend",
  "RunConnection",
  "RunOrigin",
  "RunStat",
  "SourceEdge",
  "StartReplayPayload",
  "StepConnection",
  "StepReplay",
  "ValueItems",
  "ValuePreview",
];

const NO_KEY = () => null;

export const client = new Client({
  url: "/graphql",
  preferGetMethod: false,
  exchanges: [
    cacheExchange({
      keys: Object.fromEntries(EMBEDDED.map((type) => [type, NO_KEY])),
      // What `startReplay` answered is what the page of the session asks first.
      resolvers: {
        Query: { replaySession: (_, { id }) => ({ __typename: "ReplaySession", id: String(id) }) },
      },
    }),
    fetchExchange,
  ],
  fetchOptions: () => ({ headers: authHeaders() }),
});
