/** Key presses as words, and which command a press (or the second of a sequence) means. Pure. */

export interface Press {
  readonly key: string;
  readonly code: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly shiftKey: boolean;
  readonly altKey: boolean;
}

/** Words a press answers to, e.g. `j`, `Shift+J`, `Mod+k`, `@KeyW` (by position, for zoom and pan). */
export function pressWords(press: Press): string[] {
  if (press.altKey) return [];
  const mod = press.ctrlKey || press.metaKey ? "Mod+" : "";
  const letter = press.key.length === 1 && press.key.toLowerCase() !== press.key.toUpperCase();
  const named = press.key.length > 1;
  const shift = press.shiftKey && (letter || named) ? "Shift+" : "";
  const key = letter && !press.shiftKey ? press.key.toLowerCase() : press.key;
  const words = [`${mod}${shift}${mod && letter ? key.toLowerCase() : key}`];
  if (!mod && !press.shiftKey) words.push(`@${press.code}`);
  return words;
}

export type Resolution =
  | { readonly type: "run"; readonly id: string }
  | { readonly type: "wait"; readonly prefix: string }
  | { readonly type: "none" };

/** `bindings`: key words (`g r` for a sequence) to command ids; `prefix` is what was pressed before. */
export function resolve(
  bindings: ReadonlyMap<string, string>,
  prefix: string,
  press: Press,
): Resolution {
  const words = pressWords(press);
  for (const word of words) {
    const id = bindings.get(prefix ? `${prefix} ${word}` : word);
    if (id !== undefined) return { type: "run", id };
  }
  if (prefix) return { type: "none" };
  for (const word of words) {
    for (const binding of bindings.keys()) {
      if (binding.startsWith(`${word} `)) return { type: "wait", prefix: word };
    }
  }
  return { type: "none" };
}

/** Whether a binding is a bare key that must not act in fields and can be switched off (WCAG 2.1.4). */
export function isSingleKey(binding: string): boolean {
  return !binding.startsWith("Mod+") && binding !== "Escape";
}

const SHOWN: Record<string, string> = {
  ArrowDown: "↓",
  ArrowUp: "↑",
  ArrowLeft: "←",
  ArrowRight: "→",
  Enter: "↵",
  Escape: "Esc",
  " ": "Space",
};

/** How a binding is written on screen: `⇧J`, `⌘K`, `g r`, `W`. */
export function shownKeys(binding: string, apple: boolean): string {
  return binding
    .split(/ (?=.)/)
    .map((word) => {
      const bare = word
        .replace("Mod+", "")
        .replace("Shift+", "")
        .replace(/^@Key/, "")
        .replace(/^@/, "");
      const mod = word.startsWith("Mod+") ? (apple ? "⌘" : "Ctrl ") : "";
      const shift = word.includes("Shift+") ? "⇧" : "";
      const key = word.startsWith("@Key") ? bare.toLowerCase() : (SHOWN[bare] ?? bare);
      return `${mod}${shift}${mod ? key.toUpperCase() : key}`;
    })
    .join(" ");
}
