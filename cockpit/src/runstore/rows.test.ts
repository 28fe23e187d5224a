import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Columns, Flag, NO_PARENT } from "./columns";
import { ALL_STEPS, buildTree, matches, visibleRows } from "./rows";

function run(parents: readonly (number | null)[], failing: readonly number[] = []): Columns {
  const columns = new Columns();
  parents.forEach((parent, row) => {
    columns.put({
      sequence: row * 2,
      parent: parent === null ? NO_PARENT : parent * 2,
      kind: row % 8,
      name: `step ${row}`,
      lane: 0,
      depth: 0,
      flags: failing.includes(row) ? Flag.error : 0,
      start: row,
      end: row + 1,
      tokens: 0,
      microUsd: 0,
    });
  });
  return columns;
}

describe("visibleRows", () => {
  test("children of interleaved strands stand under their own parents", () => {
    const tree = buildTree(run([null, 0, 0, 1, 2, 1]));

    expect([...visibleRows(tree, new Set(), null)]).toEqual([0, 1, 3, 5, 2, 4]);
    expect([...tree.depth]).toEqual([0, 1, 1, 2, 2, 2]);
  });

  test("a folded step hides all below it and counts their errors", () => {
    const tree = buildTree(run([null, 0, 1, 2, null], [2, 3]));

    expect([...visibleRows(tree, new Set([1]), null)]).toEqual([0, 1, 4]);
    expect([...tree.errorsBelow]).toEqual([2, 2, 1, 0, 0]);
  });

  test("a filter keeps the ancestors of what it finds", () => {
    const columns = run([null, 0, 1, null]);
    const hits = matches(columns, { ...ALL_STEPS, text: "step 2" });

    expect([...visibleRows(buildTree(columns), new Set(), hits)]).toEqual([0, 1, 2]);
  });

  test("without folds and filters every step stands once, after its parent", () => {
    const parents = fc.array(fc.nat(), { maxLength: 60 });
    fc.assert(
      fc.property(parents, (numbers) => {
        const above = numbers.map((n, row) => (row === 0 || n % 3 === 0 ? null : n % row));
        const shown = [...visibleRows(buildTree(run(above)), new Set(), null)];
        const place = new Map(shown.map((row, at) => [row, at]));

        expect([...shown].sort((a, b) => a - b)).toEqual(above.map((_, row) => row));
        above.forEach((parent, row) => {
          if (parent !== null) expect(place.get(parent)).toBeLessThan(place.get(row) ?? -1);
        });
      }),
    );
  });
});
