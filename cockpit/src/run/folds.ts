/** Folded steps in the URL: sequence numbers with dots between, `12.45`. Pure. */

/** At most this many folds are kept in the URL. */
const MOST = 200;

export function readFolds(text: string | undefined): ReadonlySet<number> {
  if (!text) return new Set();
  const numbers = text.split(".").map(Number);
  return new Set(numbers.filter((n) => Number.isInteger(n) && n >= 0).slice(0, MOST));
}

export function writeFolds(folds: ReadonlySet<number>): string | undefined {
  return folds.size ? [...folds].slice(0, MOST).join(".") : undefined;
}

/** The tree's filter: `error`, `kind:tool` and text. */
export function readStepQuery(line: string | undefined, kinds: readonly string[]) {
  const words = (line ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  let mask = 0;
  let errorsOnly = false;
  const text: string[] = [];
  for (const word of words) {
    const kind = word.startsWith("kind:") ? kinds.indexOf(word.slice(5).toUpperCase()) : -1;
    if (kind >= 0) mask |= 1 << kind;
    else if (word === "error" || word === "status:error") errorsOnly = true;
    else text.push(word);
  }
  return { text: text.join(" "), kinds: mask, errorsOnly };
}
