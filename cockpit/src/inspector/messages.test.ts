import { describe, expect, test } from "vitest";
import { readMessage, unchanged } from "./messages";

describe("messages", () => {
  test("messages of a derived run are read part by part", () => {
    const parts = [
      { type: "text", text: "let me see" },
      { type: "tool_call", id: "1", name: "kb", arguments: { q: 1 } },
      { type: "tool_result", id: "1", value: "found" },
      { type: "other", value: 4 },
    ];
    expect(readMessage({ role: "assistant", parts })).toEqual({
      role: "assistant",
      text: "let me see\nfound",
      calls: [{ name: "kb", args: '{"q":1}' }],
      rest: [{ type: "other", value: 4 }],
    });
  });

  test("plain text, parts and calls of both wire shapes are read", () => {
    expect(readMessage({ role: "user", content: "hi" })).toEqual({
      role: "user",
      text: "hi",
      calls: [],
      rest: null,
    });
    expect(
      readMessage({
        role: "assistant",
        content: [
          { type: "text", text: "let me see" },
          { type: "tool_use", id: "1", name: "kb", input: { q: 1 } },
        ],
      }),
    ).toEqual({
      role: "assistant",
      text: "let me see",
      calls: [{ name: "kb", args: '{"q":1}' }],
      rest: null,
    });
    expect(
      readMessage({
        role: "assistant",
        content: null,
        tool_calls: [{ function: { name: "refund", arguments: "{}" } }],
      }).calls,
    ).toEqual([{ name: "refund", args: "{}" }]);
  });

  test("what is neither text nor call is kept, never dropped", () => {
    const image = { type: "image_url", image_url: { url: "x" } };

    expect(readMessage({ role: "user", content: [image] }).rest).toEqual([image]);
    expect(readMessage("odd").rest).toBe("odd");
  });

  test("only an equal beginning counts as unchanged", () => {
    const m = (text: string) => ({ role: "user", content: text });

    expect(unchanged([m("a"), m("b")], [m("a"), m("b"), m("c")])).toBe(2);
    expect(unchanged([m("a"), m("b")], [m("a"), m("x"), m("b")])).toBe(1);
    expect(unchanged([], [m("a")])).toBe(0);
  });
});
