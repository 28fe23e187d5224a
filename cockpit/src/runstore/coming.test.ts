import { expect, test } from "vitest";
import { announce, arrived, comingOf } from "./coming";
import type { RunFacts } from "./documents";

const RECORDING: RunFacts = {
  id: "recorded",
  name: "agent",
  status: "ERROR",
  health: ["INCOMPLETE"],
  startedNs: "5",
  endedNs: "9",
  durationNs: "4",
  stepCount: 40,
  errorCount: 1,
  gapCount: 1,
  head: "79",
  tokensIn: "7",
  tokensOut: "8",
  costMicroUsd: "9",
  ordering: "recorded",
  identity: "recorded",
  traceUrl: null,
  revision: 0,
  tags: ["nightly"],
  codeVersion: "a1",
  sdk: "forkpoint/1",
  rulesetId: null,
  errorClass: "ValueError",
  verdict: null,
  capabilities: ["verify"],
  origin: null,
  artifacts: [],
  openingStep: { sequence: "3", kind: "TOOL" },
  forks: { totalCount: 2 },
};
const SESSION = { id: "session", newRunId: "new", kind: "replay", createdNs: "100" };

test("a run that is announced has no step, no outcome and the recording as its origin", () => {
  announce(SESSION, RECORDING);
  const facts = comingOf("new")?.facts;

  expect(facts).toMatchObject({ id: "new", name: "agent", status: "RUNNING", startedNs: "100" });
  expect(facts).toMatchObject({ stepCount: 0, errorCount: 0, errorClass: null, endedNs: null });
  expect(facts?.origin).toMatchObject({ runId: "recorded", session: "session" });
});

test("a run that is there is announced no more", () => {
  announce(SESSION, RECORDING);
  arrived("new");

  expect(comingOf("new")).toBeNull();
});
