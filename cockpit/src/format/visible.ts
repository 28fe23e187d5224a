/**
 * Recorded text is hostile: bidirectional overrides, zero-width and control characters can make it
 * read as something it is not. They are parted from the text so that a view can show them as marks.
 */

export type Piece =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "mark"; readonly text: string }
  | { readonly type: "redacted"; readonly text: string; readonly token: string };

// C0 but tab and newline, DEL, C1, soft hyphen, Arabic letter mark, Hangul fillers, Mongolian vowel
// separator, zero-width and bidi controls, invisible operators, BOM, interlinear marks, tag characters.
const HIDDEN =
  "[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u115f\\u1160\\u180e\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ufeff\\ufff9-\\ufffb]|[\\u{e0000}-\\u{e007f}]";
// Token grammar rx1: class, 16 characters of a keyed digest, 2 of a check.
const REDACTION = "rx1_[A-Z]{2,12}_[a-z2-7]{16}_[a-z2-7]{2}";
const SPECIAL = new RegExp(`(${HIDDEN})|(${REDACTION})`, "gu");

/** `text` in pieces: plain text, marks such as `U+202E`, and redaction tokens as `EMAIL a7f2`. */
export function pieces(text: string): Piece[] {
  const parts: Piece[] = [];
  let last = 0;
  for (const match of text.matchAll(SPECIAL)) {
    if (match[1] === "\r" && text[match.index + 1] === "\n") continue;
    if (match.index > last) parts.push({ type: "text", text: text.slice(last, match.index) });
    parts.push(match[1] ? mark(match[1]) : chip(match[2] ?? ""));
    last = match.index + match[0].length;
  }
  if (last < text.length) parts.push({ type: "text", text: text.slice(last) });
  return parts;
}

function mark(character: string): Piece {
  const code = character.codePointAt(0) ?? 0;
  return { type: "mark", text: `U+${code.toString(16).toUpperCase().padStart(4, "0")}` };
}

function chip(token: string): Piece {
  const [, label = "", digest = ""] = token.split("_");
  return { type: "redacted", text: `${label} ${digest.slice(0, 4)}`, token };
}

/** One line of plain text for titles, canvas labels and list rows; marks stand as `⟨U+202E⟩`. */
export function plainLine(text: string): string {
  return pieces(text)
    .map((piece) => (piece.type === "mark" ? `⟨${piece.text}⟩` : piece.text))
    .join("")
    .replace(/\s+/g, " ");
}
