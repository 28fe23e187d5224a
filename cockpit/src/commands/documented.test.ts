import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const SOURCE = join(dirname(fileURLToPath(import.meta.url)), "..");
const GUIDE = readFileSync(join(SOURCE, "../../docs/cockpit.md"), "utf8");

/** Titles of commands as the sources write them: in objects, and in the two short forms. */
function titles(): string[] {
  const files = readdirSync(SOURCE, { recursive: true, encoding: "utf8" }).filter(
    (name) => /\.tsx?$/.test(name) && !name.includes(".test."),
  );
  return files
    .map((name) => readFileSync(join(SOURCE, name), "utf8"))
    .filter((text) => text.includes("useCommands("))
    .flatMap((text) => [
      ...text.matchAll(/\bid: "[\w.-]+",\s+group: "\w+",\s+title: "([^"]+)"/g),
      ...text.matchAll(/\b(?:look|command)\(\s*"[\w.-]+",\s*"([^"]+)"/g),
    ])
    .map(([, title = ""]) => title);
}

test("every command of the registry is in the guide", () => {
  const found = titles();

  expect(found.length).toBeGreaterThan(45);
  expect(found.filter((title) => !GUIDE.includes(title))).toEqual([]);
});
