import fc from "fast-check";
import { expect, test } from "vitest";
import { Columns, Flag, NO_PARENT } from "./columns";
import { Feed, type FeedEvent } from "./feed";

const ORIGIN = 1_700_000_000_000_000_000n;

/** A run of `steps` steps, each started, half of them nested, most of them ended. */
function recording(steps: number): FeedEvent[] {
  const events: FeedEvent[] = [];
  for (let step = 0; step < steps; step++) {
    const seq = events.length;
    const timeNs = `${ORIGIN + BigInt(step * 1000)}`;
    events.push({
      seq,
      stepSeq: seq,
      type: "step_started",
      kind: step % 2 ? "TOOL" : "MODEL",
      name: `name ${step % 3}`,
      lane: step % 2,
      depth: step % 2,
      timeNs,
      ...(step % 2 ? { parentSeq: seq - (step % 5 === 1 ? 1 : 2) } : {}),
    });
    if (step % 7 === 6)
      events.push({ seq: events.length, type: "gap", count: 3, reason: "overload" });
    if (step % 5 !== 0) {
      const status = step % 4 === 3 ? "ERROR" : "OK";
      events.push({
        seq: events.length,
        stepSeq: seq,
        type: "step_ended",
        status,
        tokensIn: step,
        tokensOut: 1,
        timeNs,
      });
    }
  }
  return events;
}

function state(columns: Columns, feed: Feed) {
  const rows = Array.from({ length: columns.count }, (_, row) => [
    columns.sequence[row],
    columns.parent[row],
    columns.nameAt(row),
    columns.kind[row],
    columns.lane[row],
    columns.depth[row],
    columns.flags[row],
    columns.start[row],
    columns.end[row],
    columns.tokens[row],
  ]);
  return { rows, head: feed.head, gaps: feed.gaps };
}

function played(batches: FeedEvent[][]) {
  const columns = new Columns();
  const feed = new Feed(columns, ORIGIN, -1);
  for (const batch of batches) feed.take(batch);
  return state(columns, feed);
}

test("any order, repetition and reconnection ends in equal columns", () => {
  const runs = fc.integer({ min: 1, max: 30 }).chain((steps) => {
    const events = recording(steps);
    const disorder = fc.shuffledSubarray(events, { minLength: events.length });
    const repeats = fc.subarray(events);
    return fc.tuple(fc.constant(events), disorder, repeats, fc.integer({ min: 1, max: 7 }));
  });
  fc.assert(
    fc.property(runs, ([events, disorder, repeats, size]) => {
      const mixed = [...disorder, ...repeats];
      const batches = Array.from({ length: Math.ceil(mixed.length / size) }, (_, at) =>
        mixed.slice(at * size, (at + 1) * size),
      );
      expect(played(batches)).toEqual(played([events]));
    }),
  );
});

test("what a skeleton already holds is not added again", () => {
  const events = recording(9);
  const columns = new Columns();
  new Feed(columns, ORIGIN, -1).take(events);
  const before = state(columns, new Feed(columns, ORIGIN, -1)).rows;

  new Feed(columns, ORIGIN, 4).take(events);

  expect(state(columns, new Feed(columns, ORIGIN, -1)).rows).toEqual(before);
});

test("an end closes its step with status, time and figures", () => {
  const columns = new Columns();
  const feed = new Feed(columns, ORIGIN, -1);
  feed.take([
    {
      seq: 0,
      type: "step_started",
      stepSeq: 0,
      kind: "TOOL",
      name: "refund",
      timeNs: `${ORIGIN}`,
      mode: "LIVE",
    },
    {
      seq: 1,
      type: "step_ended",
      stepSeq: 0,
      status: "ERROR",
      timeNs: `${ORIGIN + 412n}`,
      tokensOut: 7,
    },
  ]);

  expect(columns.flags[0]).toBe(Flag.error | (4 << 8));
  expect([columns.end[0], columns.tokens[0], columns.parent[0]]).toEqual([412, 7, NO_PARENT]);
});
