import { expect, test } from "vitest";
import { NOTHING_LOADED } from "./loaded";
import type { Row } from "./questions";
import { segmentsOf } from "./segments";
import { ticksOf } from "./ticks";

function row(index: number, name: string): [number, Row] {
  return [
    index,
    { index, class: name, sub: null, how: "same", parts: [], left: null, right: null },
  ];
}

const changed = [0, 1, 50];
const loaded = {
  ...NOTHING_LOADED,
  changed,
  rows: new Map([row(0, "propagated"), row(1, "origin"), row(50, "absorbed")]),
};
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
