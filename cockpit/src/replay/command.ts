/** The command line that does the same as the cockpit. Pure. */

import { isRecord } from "../graphql/failure";

export interface CommandParts {
  readonly run: string;
  /** Call key or step number; null for a plain replay. */
  readonly at?: string | null;
  readonly edits?: readonly Record<string, unknown>[];
  readonly mode?: string | null;
  /** Whether a policy file has to be named. */
  readonly policy?: boolean;
  /** Whether agent code is executed: the command has to be named. */
  readonly host?: boolean;
}

const INLINE = 160;

/** `forkpoint replay RUN --at KEY --edit ... -- CMD`, quoted for a POSIX shell. */
export function replayCommand(parts: CommandParts): string {
  const words = ["forkpoint", "replay", parts.run];
  if (parts.at && parts.edits?.length) words.push("--at", parts.at);
  for (const edit of parts.edits ?? []) {
    for (const word of editWords(edit)) words.push("--edit", word);
  }
  if (parts.mode) words.push("--mode", parts.mode);
  if (parts.policy) words.push("--policy", "policy.json");
  const line = words.map(quoted).join(" ");
  return parts.host ? `${line} -- python agent.py` : line;
}

/** `kind=value`, or `kind/pointer=value` for each operation of a patch. */
function editWords(edit: Record<string, unknown>): string[] {
  const kind = String(edit.kind);
  if (!Array.isArray(edit.patch)) return [`${kind}=${valueWord(edit.value, kind)}`];
  return edit.patch
    .filter(isRecord)
    .map(({ path, value }) => `${kind}.${String(path)}=${valueWord(value, kind)}`);
}

function valueWord(value: unknown, kind: string): string {
  const text = typeof value === "string" && kind === "model" ? value : JSON.stringify(value);
  return text.length > INLINE ? `@${kind}.json` : text;
}

/** A word as a POSIX shell reads it back; control characters are left to `$'…'`. */
export function quoted(word: string): string {
  if (/^[\w@%+=:,./#-]+$/.test(word)) return word;
  if (/\p{Cc}/u.test(word)) {
    const escaped = word
      .replaceAll("\\", "\\\\")
      .replaceAll("'", "\\'")
      .replace(/\p{Cc}/gu, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
    return `$'${escaped}'`;
  }
  return `'${word.replaceAll("'", "'\\''")}'`;
}
