import { describe, expect, test } from "vitest";
import {
  type Draft,
  type EditTab,
  holdsMore,
  NO_DRAFT,
  type Original,
  readDraft,
  storeDraft,
  storedDraft,
  textFor,
  type Written,
} from "./draft";

const KEY = "r#4";

function whole(value: unknown): Original {
  return { value, only: null };
}

function written(edits: Partial<Record<EditTab, string | Written>>): Draft {
  return {
    edits: Object.fromEntries(
      Object.entries(edits).map(([tab, text]) => [
        tab,
        typeof text === "string" ? { text, as: "json" as const } : text,
      ]),
    ),
  };
}

describe("edits of a draft", () => {
  test("what was written over the recorded value becomes an edit of that step", () => {
    const draft = written({ output: '{"ok": true, "amount": 80}' });
    const originals = { output: whole({ ok: true, amount: 120 }) };

    expect(readDraft(draft, KEY, originals)).toEqual({
      edits: [{ kind: "output", key: KEY, value: { ok: true, amount: 80 } }],
      tabs: ["output"],
      mistakes: {},
    });
  });

  test("the recorded value in another order of members is no edit", () => {
    const draft = written({ output: '{"b": [1, {"d": 2}], "a": null}' });

    expect(readDraft(draft, KEY, { output: whole({ a: null, b: [1, { d: 2 }] }) }).edits).toEqual(
      [],
    );
  });

  test("what holds from the cut on names no step", () => {
    const draft = written({
      model: { text: " gpt-9 ", as: "text" },
      prompt: { text: "Be kind.", as: "text" },
    });
    const originals = { model: whole("gpt-5"), prompt: whole("Be short.") };

    expect(readDraft(draft, KEY, originals).edits).toEqual([
      { kind: "prompt", value: "Be kind." },
      { kind: "model", value: "gpt-9" },
    ]);
  });

  test("inputs and parameters carry only the members that differ", () => {
    const draft = written({
      input: '{"args": {"amount": 80}, "version": "1"}',
      params: '{"temperature": 0, "top_p": 1}',
    });
    const originals = {
      input: whole({ args: { amount: 120 }, version: "1" }),
      params: whole({ temperature: 1, top_p: 1 }),
    };

    expect(readDraft(draft, KEY, originals).edits).toEqual([
      { kind: "input", key: KEY, value: { args: { amount: 80 } } },
      { kind: "params", value: { temperature: 0 } },
    ]);
  });

  test("a parameter that was taken away becomes a patch", () => {
    const draft = written({ params: '{"a/b": 2}' });

    expect(readDraft(draft, KEY, { params: whole({ "a/b": 1, stop: "x" }) }).edits).toEqual([
      {
        kind: "params",
        patch: [
          { op: "add", path: "/a~1b", value: 2 },
          { op: "remove", path: "/stop" },
        ],
      },
    ]);
  });

  test("a failure is a status or a message", () => {
    const fail = (text: string) =>
      readDraft(written({ fail: { text, as: "text" } }), KEY, {}).edits[0];

    expect([fail("429")?.value, fail("reset by peer")?.value, fail("  ")]).toEqual([
      429,
      "reset by peer",
      undefined,
    ]);
  });

  test("seconds, moments and functions are written in one line, and are checked", () => {
    const line = (tab: EditTab, text: string) => {
      const read = readDraft(written({ [tab]: { text, as: "text" } }), KEY, {});
      return read.mistakes[tab] ? "mistaken" : read.edits[0];
    };

    expect(line("latency", "2.5")).toEqual({ kind: "latency", key: KEY, value: 2.5 });
    expect(line("clock", " 3600 ")).toEqual({ kind: "clock", value: 3600 });
    expect(line("clock", "2026-01-31T09:00:00Z")).toEqual({
      kind: "clock",
      value: "2026-01-31T09:00:00Z",
    });
    expect(line("impl", "app.fakes:look")).toEqual({
      kind: "impl",
      key: KEY,
      value: "app.fakes:look",
    });
    expect([
      line("latency", "601"),
      line("latency", "-1"),
      line("clock", "tomorrow"),
      line("impl", "app.fakes"),
    ]).toEqual(["mistaken", "mistaken", "mistaken", "mistaken"]);
  });

  test("calls are dropped, items put in and variables set, or nothing is edited", () => {
    const empty = { insert: whole({ part: "messages", items: [] }), drop: whole(false) };
    const edits = (each: Parameters<typeof written>[0]) =>
      readDraft(written(each), KEY, empty).edits;
    const insert = '{"part": "messages", "at": 1, "items": [{"role": "user"}]}';

    expect(edits({ drop: "true", insert, env: '{"MOOD": "merry", "OLD": null}' })).toEqual([
      { kind: "insert", key: KEY, value: JSON.parse(insert) },
      { kind: "drop", key: KEY, value: true },
      { kind: "env", value: { MOOD: "merry", OLD: null } },
    ]);
    expect(edits({ drop: "false", insert: '{"items": []}', env: "{}" })).toEqual([]);
    expect(readDraft(written({ env: '{"MOOD": 1}' }), KEY, {}).mistakes.env).toContain("MOOD");
  });

  test("what cannot be read stands at its tab and makes no edit", () => {
    const draft = written({
      output: "{",
      tools: "{}",
      input: { text: '[{"op": 1}]', as: "patch" },
    });
    const read = readDraft(draft, KEY, {});

    expect(read.edits).toEqual([]);
    expect(Object.keys(read.mistakes)).toEqual(["output", "input", "tools"]);
  });
});

describe("what a tab begins with", () => {
  test("strings are written as text, other values as JSON, too large ones are patched", () => {
    expect(textFor(whole("hello\nworld"), "output")).toEqual({ text: "hello\nworld", as: "text" });
    expect(textFor(whole({ a: 1 }), "output").as).toBe("json");
    expect(textFor({ value: undefined, only: "patch" }, "output").as).toBe("patch");
  });

  test("values that JSON cannot say are not offered as JSON", () => {
    expect([holdsMore({ a: [{ $bytes: "AA==" }] }), holdsMore({ $bytes: 1, b: 2 })]).toEqual([
      true,
      false,
    ]);
  });
});

test("a draft survives a reload, and whatever else lies in its place is none", () => {
  const held = new Map<string, string>();
  const storage = {
    getItem: (name: string) => held.get(name) ?? null,
    setItem: (name: string, value: string) => void held.set(name, value),
    removeItem: (name: string) => void held.delete(name),
    clear: () => held.clear(),
    key: () => null,
    length: 0,
  };
  const draft = written({ output: "1" });
  storeDraft(storage, "run", "4", draft);
  expect(storedDraft(storage, "run", "4")).toEqual(draft);
  expect(storedDraft(storage, "run", "5")).toEqual(NO_DRAFT);

  held.set("forkpoint.draft.run.4", '{"edits": {"output": 1, "evil": {"text": "", "as": "json"}}}');
  expect(storedDraft(storage, "run", "4")).toEqual(NO_DRAFT);
  storeDraft(storage, "run", "4", NO_DRAFT);
  expect(held.size).toBe(0);
});
