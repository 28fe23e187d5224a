import { expect, test } from "vitest";
import { chosenTab, type StepOf, tabsOf } from "./tabs";

function step(kind: StepOf["kind"], roles: string[], replay: StepOf["replay"] = null): StepOf {
  return {
    id: "r:1",
    sequence: "1",
    endSequence: null,
    kind,
    name: "n",
    status: "OK",
    key: "r#0",
    strand: "r",
    startNs: "0",
    endNs: null,
    durationNs: null,
    site: null,
    subtype: null,
    effect: null,
    codec: null,
    model: null,
    errorClass: null,
    finishReason: null,
    tokensIn: null,
    tokensOut: null,
    costMicroUsd: null,
    attempts: 1,
    chunks: null,
    signature: null,
    parentSequence: null,
    parts: [],
    artifacts: roles.map((role) => ({
      role,
      state: "CLEAN" as const,
      reason: null,
      root: null,
      size: "1",
      mediaType: null,
    })),
    replay,
    askedBy: null,
    answers: [],
    previousSameScope: null,
  };
}

test("a tab appears only where it applies, under the name of its kind", () => {
  const labels = (of: StepOf) => tabsOf(of).map(({ label }) => label);

  expect(labels(step("TOOL", ["input.args", "output"]))).toEqual([
    "Summary",
    "Arguments",
    "Output",
    "Sources",
    "Raw",
  ]);
  expect(labels(step("MODEL", ["input.messages", "input.params", "error"]))).toEqual([
    "Summary",
    "Messages",
    "Parameters",
    "Error",
    "Sources",
    "Raw",
  ]);
  expect(labels(step("AGENT", []))).toEqual(["Summary"]);
});

test("a tab that the step lacks falls back to the summary", () => {
  const tabs = tabsOf(step("TOOL", ["output"]));

  expect([
    chosenTab(tabs, "output"),
    chosenTab(tabs, "messages"),
    chosenTab(tabs, undefined),
  ]).toEqual(["output", "summary", "summary"]);
});
