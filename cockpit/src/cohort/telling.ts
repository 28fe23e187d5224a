/** How much a place tells failed runs from good ones. Pure. */

import type { Cohort, Place } from "./questions";

export interface Shares {
  /** 0 to 1: of the failed and of the good runs, those that part from the base here. */
  readonly bad: number;
  readonly good: number;
}

export function shares({ rootBad, rootGood }: Place, { bad, good }: Cohort): Shares {
  return { bad: bad ? rootBad / bad : 0, good: good ? rootGood / good : 0 };
}

/** In words, for who does not see the bars. */
export function shareWords(place: Place, { bad, good }: Cohort): string {
  return `${place.rootBad} of ${bad} failed, ${place.rootGood} of ${good} good`;
}

/** The one place that says most, if failed runs part there at least half as often again as good ones. */
export function tellingPlace(cohort: Cohort): Place | null {
  const [first] = cohort.places;
  if (!first || cohort.bad === 0) return null;
  const { bad, good } = shares(first, cohort);
  return bad - good >= 0.5 ? first : null;
}
