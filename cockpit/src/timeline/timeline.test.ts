import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Columns, Flag, NO_PARENT } from "../runstore/columns";
import { buildTree } from "../runstore/rows";
import { ticks } from "./axis";
import { Bars, barAt, type Extents, layBars, MOST_BARS } from "./bars";
import { around, clamp, pan, reveal, zoom } from "./view";

function steps(
  rows: readonly { start: number; end: number; lane?: number; error?: boolean }[],
): Extents {
  const columns = new Columns();
  rows.forEach(({ start, end, lane = 0, error = false }, row) => {
    columns.put({
      sequence: row,
      parent: NO_PARENT,
      kind: 2,
      name: "t",
      lane,
      depth: 0,
      flags: error ? Flag.error : 0,
      start,
      end,
      tokens: 0,
      microUsd: 0,
    });
  });
  return { columns, spanEnd: buildTree(columns).spanEnd, axis: "time", now: 1_000 };
}

describe("bars", () => {
  test("steps of one pixel share a bar that shows the error among them", () => {
    const many = Array.from({ length: 500 }, (_, i) => ({
      start: i,
      end: i + 1,
      error: i === 251,
    }));
    const bars = new Bars();
    layBars(bars, steps(many), { from: 0, to: 500 }, 5);

    const shown = [...bars.row.subarray(0, bars.count)];
    expect(shown).toContain(251);
    expect(bars.count).toBeLessThanOrEqual(6);
    expect([...bars.size.subarray(0, bars.count)].reduce((a, b) => a + b)).toBe(500);
  });

  test("an error is drawn at every zoom", () => {
    const runs = fc.record({ at: fc.nat(999), width: fc.integer({ min: 3, max: 900 }) });
    fc.assert(
      fc.property(runs, ({ at, width }) => {
        const many = Array.from({ length: 1000 }, (_, i) => ({
          start: i,
          end: i + 0.5,
          error: i === at,
        }));
        const bars = new Bars();
        layBars(bars, steps(many), { from: 0, to: 1000 }, width);
        expect([...bars.row.subarray(0, bars.count)]).toContain(at);
      }),
    );
  });

  test("what a filter names stands for its bar before anything else", () => {
    const many = Array.from({ length: 100 }, (_, i) => ({ start: i, end: i + 1, error: i === 7 }));
    const hits = new Uint8Array(100);
    hits[42] = 1;
    const bars = new Bars();
    layBars(bars, { ...steps(many), hits }, { from: 0, to: 100 }, 1);

    expect([...bars.row.subarray(0, bars.count)]).toContain(42);
  });

  test("a frame never draws more than its bound", () => {
    const many = Array.from({ length: MOST_BARS + 500 }, (_, i) => ({
      start: i * 4,
      end: i * 4 + 3,
    }));
    const bars = new Bars();
    layBars(bars, steps(many), { from: 0, to: many.length * 4 }, many.length * 4);

    expect(bars.count).toBe(MOST_BARS);
  });

  test("a point finds the bar of its lane, thin ones with slack; open steps reach to now", () => {
    const extents = steps([
      { start: 0, end: 100 },
      { start: 200, end: Number.NaN, lane: 1 },
    ]);
    const bars = new Bars();
    layBars(bars, extents, { from: 0, to: 1000 }, 1000);

    expect([barAt(bars, 50, 0), barAt(bars, 101, 0), barAt(bars, 150, 0)]).toEqual([0, 0, -1]);
    expect(barAt(bars, 900, 1)).toBe(1);
  });
});

describe("the window", () => {
  test("zooming keeps the point under the cursor, panning the width", () => {
    const near = zoom({ from: 100, to: 200 }, 0.5, 0.25);

    expect(near).toEqual({ from: 112.5, to: 162.5 });
    expect(pan({ from: 0, to: 10 }, 0.5)).toEqual({ from: 5, to: 15 });
    expect(around(100, 200, 2)).toEqual({ from: 50, to: 250 });
  });

  test("it stays inside the run and is never inverted", () => {
    const number = fc.double({ min: -1e6, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(number, number, fc.integer({ min: 1, max: 1_000_000 }), (from, to, extent) => {
        const view = clamp({ from, to }, extent, 2);
        expect(view.from).toBeGreaterThanOrEqual(0);
        expect(view.to - view.from).toBeGreaterThanOrEqual(1.999);
        expect(view.to).toBeLessThanOrEqual(Math.max(extent, 2) + 1e-6);
      }),
    );
  });

  test("revealing moves only when something is out of sight", () => {
    const view = { from: 100, to: 200 };

    expect(reveal(view, 120, 130)).toBe(view);
    expect(reveal(view, 0, 500)).toBe(view);
    expect(reveal(view, 300, 310)).toEqual({ from: 220, to: 320 });
  });
});

describe("ticks", () => {
  test("are round and labelled in one unit", () => {
    expect(ticks({ from: 18e9, to: 19.6e9 }, 400, "time").map(({ label }) => label)).toEqual([
      "18.0 s",
      "18.5 s",
      "19.0 s",
      "19.5 s",
    ]);
    expect(ticks({ from: 0, to: 300e9 }, 500, "time").at(-1)?.label).toBe("5:00");
    expect(ticks({ from: 0, to: 9 }, 300, "steps").map(({ label }) => label)).toEqual(["1", "6"]);
  });
});
