import { describe, expect, test } from "vitest";
import { isSingleKey, type Press, pressWords, resolve, shownKeys } from "./keymap";

function press(key: string, more: Partial<Press> = {}): Press {
  const code = /^[a-z]$/i.test(key) ? `Key${key.toUpperCase()}` : key;
  return { key, code, ctrlKey: false, metaKey: false, shiftKey: false, altKey: false, ...more };
}

const bindings = new Map([
  ["r", "replay"],
  ["g r", "runs"],
  ["Shift+J", "sibling"],
  ["Mod+k", "palette"],
  ["@KeyW", "zoom"],
  ["?", "help"],
]);

describe("key presses", () => {
  test("a sequence wins over the bare key of its second press", () => {
    expect(resolve(bindings, "", press("r"))).toEqual({ type: "run", id: "replay" });
    expect(resolve(bindings, "", press("g"))).toEqual({ type: "wait", prefix: "g" });
    expect(resolve(bindings, "g", press("r"))).toEqual({ type: "run", id: "runs" });
  });

  test("shift, mod and shifted signs are told apart", () => {
    expect(resolve(bindings, "", press("J", { shiftKey: true }))).toEqual({
      type: "run",
      id: "sibling",
    });
    expect(resolve(bindings, "", press("j"))).toEqual({ type: "none" });
    expect(resolve(bindings, "", press("k", { metaKey: true }))).toEqual({
      type: "run",
      id: "palette",
    });
    expect(resolve(bindings, "", press("?", { shiftKey: true, code: "Slash" }))).toEqual({
      type: "run",
      id: "help",
    });
  });

  test("zoom keys go by position, whatever letter the layout puts there", () => {
    expect(resolve(bindings, "", press("z", { code: "KeyW" }))).toEqual({
      type: "run",
      id: "zoom",
    });
    expect(pressWords(press("w", { altKey: true }))).toEqual([]);
  });

  test("keys are written as they stand on the keyboard", () => {
    expect(
      ["Mod+k", "Shift+J", "g r", "ArrowDown", "@KeyW"].map((keys) => shownKeys(keys, true)),
    ).toEqual(["⌘K", "⇧J", "g r", "↓", "w"]);
    expect([isSingleKey("j"), isSingleKey("Mod+k"), isSingleKey("Escape")]).toEqual([
      true,
      false,
      false,
    ]);
  });
});
