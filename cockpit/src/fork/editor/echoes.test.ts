import { expect, test } from "vitest";
import { Echoes } from "./echoes";

test("what is typed while the page still draws an older text is kept", () => {
  const echoes = new Echoes("1");
  echoes.say("12");
  expect(echoes.isNews("1")).toBe(false);
  echoes.say("123");
  expect([echoes.isNews("12"), echoes.isNews("12"), echoes.isNews("123")]).toEqual([
    false,
    false,
    false,
  ]);
});

test("a text of the page's own replaces what was typed, also one that was typed before", () => {
  const echoes = new Echoes("first");
  echoes.say("typed");
  expect(echoes.isNews("typed")).toBe(false);
  expect(echoes.isNews("first")).toBe(true);
  expect(echoes.isNews("typed")).toBe(true);
});

test("texts that are handed over late or not at all are no news", () => {
  const echoes = new Echoes("");
  for (const text of ["a", "ab", "abc"]) echoes.say(text);
  expect([echoes.isNews("abc"), echoes.isNews("reset")]).toEqual([false, true]);
});
