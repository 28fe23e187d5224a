import { expect, test } from "vitest";
import { glanceText } from "./glance";
import type { Glance } from "./questions";

const nothing: Glance = {
  answer: null,
  answerState: null,
  args: null,
  argsState: null,
  query: null,
  queryState: null,
};

function look(json: unknown, text: string | null = null): Glance["answer"] {
  return { preview: { type: "object", text, json, truncated: false } };
}

test("arguments and answer stand in one line", () => {
  const glance = {
    ...nothing,
    args: look({ amount: 120.5, to: "x" }),
    answer: look(null, "paid\n twice"),
  };

  expect(glanceText(glance)).toEqual({ asked: 'amount: 120.5, to: "x"', answered: "paid twice" });
});

test("a message that asks for tools shows the calls", () => {
  const call = { function: { name: "pay", arguments: '{"amount": 7}' } };
  const answer = look({ role: "assistant", content: null, tool_calls: [call] });

  expect(glanceText({ ...nothing, answer }).answered).toBe("pay(amount: 7)");
});

test("a payload that may not be read shows its state, nothing that looks like content", () => {
  expect(glanceText({ ...nothing, answerState: { state: "AT_RISK" } }).answered).toBe("at risk");
});
