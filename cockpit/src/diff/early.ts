/** The first question of the page, sent before React is there: nothing else is waited for. */

import { bulkQuery } from "../graphql/bulk";
import { CHANGED, DIFF_HEAD, type Head } from "./questions";

/** Rows round the one that the address names, and at the top of the list if it names none. */
const AROUND = 20;
const TOP = 8;

export function askHead(a: string, b: string, row: number | null, signal?: AbortSignal) {
  const place =
    row === null ? { from: 0, near: TOP } : { from: Math.max(0, row - AROUND), near: 2 * AROUND };
  return bulkQuery<Head>(DIFF_HEAD, { a, b, changed: CHANGED, ...place }, signal);
}

interface Begun {
  readonly a: string;
  readonly b: string;
  readonly answer: Promise<Head>;
}

let begun: Begun | null = null;

/** Asks for what an address shows, if it is one of this page. */
export function beginEarly({ pathname, search }: { pathname: string; search: string }): void {
  const pair = /^\/diff\/([\w-]+)\.\.\.([\w-]+)$/.exec(pathname);
  const [, a, b] = pair ?? [];
  if (!a || !b) return;
  const row = Number.parseInt(new URLSearchParams(search).get("row") ?? "", 10);
  const answer = askHead(a, b, Number.isNaN(row) ? null : row);
  answer.catch(() => {}); // whoever takes it hears of it
  begun = { a, b, answer };
}

/** The answer that is on its way already, once. */
export function takeEarly(a: string, b: string): Promise<Head> | null {
  const held = begun;
  begun = null;
  return held?.a === a && held.b === b ? held.answer : null;
}
