import { expect, test } from "vitest";
import { NOTHING_LOADED } from "./loaded";
import { segmentsOf } from "./segments";
import { ticksOf } from "./ticks";

const changed = [0, 1, 50];
const classes = new Uint8Array(100);
classes.set([3, 1], 0);
classes.set([2], 50);
const names = ["same", "origin", "absorbed", "propagated"];
const loaded = { ...NOTHING_LOADED, changed, classes, names };
const segments = segmentsOf({ total: 100, changed, unfolded: "all", onlyChanges: false });

test("a place shows the change that matters most", () => {
  expect(ticksOf(segments, loaded, 10).map((tick) => [tick.class, tick.at])).toEqual([
    ["origin", 0.01],
    ["absorbed", 0.5],
  ]);
});

test("with places enough every change has its own", () => {
  expect(ticksOf(segments, loaded, 1000)).toHaveLength(3);
});
