import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const SOURCE = dirname(fileURLToPath(import.meta.url));
const FILES = readdirSync(SOURCE, { recursive: true, encoding: "utf8" }).filter(
  (name) => !name.startsWith(join("graphql", "generated")),
);
const text = (name: string) => readFileSync(join(SOURCE, name), "utf8");
const code = FILES.filter((name) => /\.tsx?$/.test(name) && !name.includes(".test."));

/** Rooms from the lowest to the highest; a room may import itself and what stands before it. */
const ORDER = [
  "theme",
  "format",
  "graphql",
  "runstore",
  "ui",
  "commands",
  "timeline",
  "features",
  "routes",
];
const FEATURES = ["runs", "run", "inspector", "diff", "fork", "replay"];

function roomOf(name: string): number {
  const [first = ""] = name.split(/[/\\]/);
  return ORDER.indexOf(FEATURES.includes(first) ? "features" : first);
}

function imported(name: string): string[] {
  return [...text(name).matchAll(/from "(\.[^"]+)"/g)].map(([, path = ""]) =>
    relative(SOURCE, join(SOURCE, dirname(name), path)),
  );
}

describe("rooms", () => {
  test("only the adapter of a room without React imports it", () => {
    const importers = (room: string) =>
      code.filter((name) => name.startsWith(room) && /from "react"/.test(text(name)));

    expect(importers("timeline")).toEqual([join("timeline", "Timeline.tsx")]);
    expect(importers("runstore")).toEqual([join("runstore", "useRunStore.ts")]);
  });

  test("runtime imports only go down", () => {
    const upward = code.flatMap((name) =>
      imported(name)
        .filter((target) => roomOf(name) >= 0 && roomOf(target) > roomOf(name))
        .map((target) => `${name} imports ${target}`),
    );

    expect(upward).toEqual([]);
  });

  test("colours, sizes of text and fonts stand in theme/ alone", () => {
    const raw = FILES.filter((name) => name.endsWith(".css") && !name.startsWith("theme")).filter(
      (name) => /#[0-9a-f]{3,8}\b|\brgba?\(|\bhsla?\(|\boklch\(|font-family/i.test(text(name)),
    );

    expect(raw).toEqual([]);
  });

  test("recorded text never becomes markup", () => {
    const markup = /dangerouslySetInnerHTML|innerHTML|insertAdjacentHTML|document\.write|\beval\(/;

    expect(code.filter((name) => markup.test(text(name)))).toEqual([]);
  });
});
