/** Which artifacts are attached files, and what they are called. Pure. */

/** `note.W.N.file.NAME`: note N of writer W; a run's own files may stand as `file.NAME`. */
const FILE_ROLE = /^(?:note\.(\d+)\.(\d+)\.)?file\.(.*)$/s;

/** The name a file was attached under; null for a value. */
export function fileName(role: string): string | null {
  return FILE_ROLE.exec(role)?.[3] ?? null;
}

/** The files among artifacts, in the order in which they were attached. */
export function filesOf<A extends { readonly role: string }>(artifacts: readonly A[]): A[] {
  const files = artifacts.filter(({ role }) => fileName(role) !== null);
  return files.sort((a, b) => placeOf(a.role) - placeOf(b.role));
}

function placeOf(role: string): number {
  const [, writer = "0", note = "0"] = FILE_ROLE.exec(role) ?? [];
  return Number(writer) * 2 ** 40 + Number(note);
}

/** A name to save a file under: no path, no hidden characters, never empty. */
export function savedName(name: string): string {
  const plain = name
    .replace(/[\p{Cc}\p{Cf}]/gu, "")
    .replace(/[\\/:*?"<>|]/g, "_")
    .replace(/^\.+/, "")
    .trim();
  return plain.slice(0, 120) || "file";
}
