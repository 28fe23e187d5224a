import { describe, expect, test } from "vitest";
import { quoted, replayCommand } from "./command";
import { readReplayReport } from "./report";
import { reasonWords } from "./words";

describe("the command line", () => {
  test("a fork names place, edits and policy", () => {
    expect(
      replayCommand({
        run: "0199-a",
        at: "r#0.2",
        edits: [
          { kind: "output", key: "r#0.2", value: { subject: "it's rent" } },
          { kind: "model", value: "gpt-9" },
          { kind: "params", patch: [{ op: "add", path: "/temperature", value: 0 }] },
        ],
        policy: true,
        host: true,
      }),
    ).toBe(
      "forkpoint replay 0199-a --at r#0.2 --edit 'output={\"subject\":\"it'\\''s rent\"}' " +
        "--edit model=gpt-9 --edit params./temperature=0 --policy policy.json -- python agent.py",
    );
  });

  test("long values come from a file, and hidden characters stay visible", () => {
    const line = replayCommand({
      run: "x",
      at: "r#0",
      edits: [{ kind: "output", value: "y".repeat(400) }],
    });

    expect(line).toBe("forkpoint replay x --at r#0 --edit output=@output.json");
    expect(quoted("a\nb'c")).toBe("$'a\\u000ab\\'c'");
  });
});

test("a report is read for what it has", () => {
  const report = readReplayReport({
    matched: 40,
    recorded: 57,
    soft: ["gate_released", { code: "code_version" }, 3],
    changes: [{ pointer: "/messages/3", expected: { a: 1 }, got: "x" }],
    codeVersion: { recorded: "a1b2", now: null },
  });

  expect(report).toEqual({
    matched: 40,
    recorded: 57,
    soft: ["gate_released", "code_version"],
    guard: null,
    changes: [{ pointer: "/messages/3", expected: '{"a":1}', got: "x" }],
    suggest: null,
    code: { recorded: "a1b2", now: null },
  });
  expect(readReplayReport("nonsense").changes).toEqual([]);
});

test("codes are said in words, unknown ones as they are", () => {
  expect([
    reasonWords("NO_ANSWER"),
    reasonWords("budget_cost_usd"),
    reasonWords("made_up"),
  ]).toEqual([
    "no recorded answer fits, and the policy allows no other",
    "the budget of cost usd is used up",
    "made up",
  ]);
});
