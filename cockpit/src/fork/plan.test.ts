import { describe, expect, test } from "vitest";
import type { PlanFragment } from "../graphql/generated/graphql";
import { ladderWords, launchWords, placedField, sides } from "./plan";
import { ALLOWANCE, hostNames, mayLeave, PRESETS, presetPolicy } from "./presets";

type Group = PlanFragment["groups"][number];

function group(more: Partial<Group>): Group {
  return {
    where: "suffix",
    kind: "TOOL",
    mode: "CACHED",
    ladder: ["halt"],
    rule: null,
    edited: false,
    steps: 1,
    names: ["look"],
    ...more,
  };
}

describe("the plan card", () => {
  test("kinds that are answered alike stand in one line of their side", () => {
    const { past, cut, suffix } = sides([
      group({ where: "past", mode: "EXACT", kind: "MODEL", steps: 3, names: ["decide"] }),
      group({ where: "past", mode: "EXACT", steps: 4 }),
      group({ where: "cut", mode: "SIMULATED", edited: true }),
      group({ steps: 2, ladder: ["simulated", "halt"] }),
    ]);

    expect(past.map(({ steps, kinds }) => [steps, kinds])).toEqual([[7, "model, tool"]]);
    expect(cut.map(({ edited }) => edited)).toEqual([true]);
    expect(suffix.map(ladderWords)).toEqual(["else simulated, else halt"]);
  });

  test("the button names the most that may leave", () => {
    const budgets = { calls: 20, tokens: "1", costUsd: 2.5, wallS: 60 };
    const plan = (hosts: string[], more = {}) =>
      // Only these fields are looked at.
      ({ hosts, budgets: { ...budgets, ...more } }) as unknown as PlanFragment;

    expect([
      launchWords(plan([]), 1),
      launchWords(plan(["api.example.com"]), 3),
      launchWords(plan(["api.example.com"], { costUsd: 0 }), 1),
    ]).toEqual(["Fork, nothing leaves", "3 × Fork, live up to $2.50", "Fork, live up to 20 calls"]);
  });

  test("refusals of a field stand there, others on the card", () => {
    expect(["edits.0", "policy.rules[1]", "cut", "entrypoint", "runId"].map(placedField)).toEqual([
      true,
      true,
      true,
      true,
      false,
    ]);
  });
});

describe("presets", () => {
  test("nothing may leave unless a preset says live", () => {
    const live = PRESETS.filter((preset) => preset !== "own").map((preset) => [
      preset,
      JSON.stringify(presetPolicy(preset, ALLOWANCE)).includes('"live"'),
      mayLeave(preset),
    ]);

    expect(live).toEqual([
      ["exact", false, false],
      ["recorded", false, false],
      ["model", true, true],
      ["live", true, true],
    ]);
  });

  test("no preset makes a write live, and typed hosts become a list", () => {
    for (const preset of ["model", "live"] as const) {
      const text = JSON.stringify(
        presetPolicy(preset, { ...ALLOWANCE, hosts: "a.example, b.example" }),
      );
      expect(text).not.toContain("allow_effects");
      expect(text).toContain('"hosts":["a.example","b.example"]');
    }
    expect(hostNames(" , ")).toEqual([]);
  });
});
