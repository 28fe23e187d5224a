import { expect, test } from "vitest";
import { readCohort } from "./questions";
import { shares, shareWords, tellingPlace } from "./telling";

const place = { key: "r#3", seq: 7, kind: "tool", name: "look", class: "origin (external)" };
const cohort = readCohort({
  format: "forkpoint.cohort/1",
  good: 4,
  bad: 2,
  notComparable: [],
  places: [
    { ...place, firstGood: 0, firstBad: 2, rootGood: 1, rootBad: 2 },
    { ...place, key: "r#5", firstGood: 3, firstBad: 0, rootGood: 4, rootBad: 2 },
  ],
  runs: [],
});

test("shares are of the failed and of the good, each by itself", () => {
  expect(cohort.places.map((one) => shares(one, cohort))).toEqual([
    { bad: 1, good: 0.25 },
    { bad: 1, good: 1 },
  ]);
  expect(cohort.places.map((one) => shareWords(one, cohort))[0]).toBe("2 of 2 failed, 1 of 4 good");
});

test("a place tells only where failed runs part from good ones", () => {
  expect(tellingPlace(cohort)?.key).toBe("r#3");
  expect(tellingPlace({ ...cohort, places: cohort.places.slice(1) })).toBeNull();
  expect(tellingPlace({ ...cohort, bad: 0 })).toBeNull();
});
