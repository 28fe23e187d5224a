import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { BLINDNESS, contrast, type Rgb, seenDistance, type Theme, themePairs } from "./contrast";

const pairs = themePairs(readFileSync(new URL("./tokens.css", import.meta.url), "utf8"));
const SURFACES = ["bg", "surface", "sunken"];
const TEXTS = ["text", "text-2", "text-3"];
const TINTS = ["accent-bg", "warn-bg", "error-bg", "added", "removed", "changed", "moved"];
const KINDS = ["model", "retriever", "tool", "planner", "validator", "safety", "agent", "custom"];

function colour(name: string, theme: Theme): Rgb {
  const pair = pairs.get(name);
  if (!pair) throw new Error(`no token --${name}`);
  return pair[theme];
}

function ratio(first: string, second: string, theme: Theme): number {
  return contrast(colour(first, theme), colour(second, theme));
}

describe.each<Theme>(["light", "dark"])("%s", (theme) => {
  test.each(TEXTS)("--%s is readable on every surface", (text) => {
    for (const surface of SURFACES) expect(ratio(text, surface, theme)).toBeGreaterThanOrEqual(4.5);
  });

  test.each(TINTS)("text is easily readable on --%s", (tint) => {
    expect(ratio("text", tint, theme)).toBeGreaterThanOrEqual(11);
  });

  test.each(KINDS)("--%s carries its label and stands out from the ground", (kind) => {
    expect(ratio("label", kind, theme)).toBeGreaterThanOrEqual(4.7);
    expect(ratio(kind, "bg", theme)).toBeGreaterThanOrEqual(4.5);
  });

  test("edges of inputs reach 3:1 and meaning colours 4.5:1", () => {
    for (const surface of SURFACES) {
      expect(ratio("edge", surface, theme)).toBeGreaterThanOrEqual(3);
      for (const name of ["accent", "ok", "error", "warn"]) {
        expect(ratio(name, surface, theme)).toBeGreaterThanOrEqual(4.5);
      }
    }
    expect(ratio("error-fill", "bg", theme)).toBeGreaterThanOrEqual(4.5);
  });

  test.each(["protanopia", "deuteranopia", "tritanopia"] as const)(
    "kinds stay apart under %s",
    (name) => {
      const all = [...KINDS, "error-fill"];
      const close = all.flatMap((a, i) =>
        all
          .slice(i + 1)
          .map((b) => ({
            a,
            b,
            d: seenDistance(colour(a, theme), colour(b, theme), BLINDNESS[name]),
          }))
          .filter(({ d }) => d < 0.06),
      );
      expect(close).toEqual([]);
    },
  );
});
