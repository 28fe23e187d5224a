/** Hunks of the engine, made easier to read without losing a character of either side. Pure. */

export type Sign = "=" | "-" | "+";
/** `=` both, `-` only A, `+` only B; joined, `=` and `-` give A, `=` and `+` give B. */
export type Hunk = readonly [Sign, string];

/** Share of equal characters below which the two texts stand one under the other. */
const WOVEN_FROM = 0.4;

/**
 * One removal and one addition where only blanks stood between changed words: `a b` → `c d` reads
 * `[-a b-]{+c d+}`, not four hunks.
 */
export function coalesce(hunks: readonly Hunk[]): Hunk[] {
  const found: Hunk[] = [];
  let gone = "";
  let come = "";
  const flush = () => {
    if (gone) found.push(["-", gone]);
    if (come) found.push(["+", come]);
    gone = come = "";
  };
  hunks.forEach(([sign, text], at) => {
    if (sign === "-") gone += text;
    else if (sign === "+") come += text;
    else if (bridges(text) && (gone || come) && at < hunks.length - 1) {
      gone += text;
      come += text;
    } else {
      flush();
      found.push([sign, text]);
    }
  });
  flush();
  return found;
}

function bridges(text: string): boolean {
  return text.length <= 3 && /^[^\S\n]+$/.test(text);
}

/** Whether so little is equal that the texts are easier to read apart. */
export function readsApart(hunks: readonly Hunk[]): boolean {
  let equal = 0;
  let other = 0;
  let long = 0;
  for (const [sign, text] of hunks) {
    if (sign === "=") equal += text.length;
    else {
      other += text.length;
      long += 1;
    }
  }
  return long > 6 && (2 * equal) / (2 * equal + other) < WOVEN_FROM;
}

export type Stretch =
  | { readonly type: "hunk"; readonly sign: Sign; readonly text: string }
  | { readonly type: "equal"; readonly text: string; readonly lines: number };

const AROUND = 160;

/** Long equal stretches keep their ends and fold their middle. */
export function foldEqual(hunks: readonly Hunk[]): Stretch[] {
  return hunks.flatMap(([sign, text], at): Stretch[] => {
    const plain: Stretch = { type: "hunk", sign, text };
    if (sign !== "=" || hunks.length === 1) return [plain];
    const head = at === 0 ? 0 : cut(text, AROUND);
    const tail = at === hunks.length - 1 ? text.length : text.length - cut(reverse(text), AROUND);
    if (tail - head < 2 * AROUND) return [plain];
    const middle = text.slice(head, tail);
    const stretches: Stretch[] = [
      { type: "hunk", sign, text: text.slice(0, head) },
      { type: "equal", text: middle, lines: middle.split("\n").length },
      { type: "hunk", sign, text: text.slice(tail) },
    ];
    return stretches.filter((stretch) => stretch.text !== "");
  });
}

/** Characters up to the first blank at or after `most`, so that no word is cut. */
function cut(text: string, most: number): number {
  const found = text.slice(most).search(/\s/);
  return found < 0 ? text.length : most + found;
}

function reverse(text: string): string {
  return [...text].reverse().join("");
}
