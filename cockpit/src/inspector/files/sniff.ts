/** What a file is, told from its bytes alone: its name and declared type are only somebody's word. Pure. */

export type ImageType = "image/png" | "image/jpeg" | "image/gif" | "image/webp";

export type Sort =
  | { readonly is: "image"; readonly type: ImageType }
  | { readonly is: "text" }
  | { readonly is: "binary" };

/** Bytes of an image that are taken into the browser. */
export const IMAGE_BYTES = 8 * 1024 * 1024;
/** Pixels that are decoded: a small file may unfold into a very large picture. */
export const IMAGE_PIXELS = 50_000_000;

/** The sort of a file by its first bytes. */
export function sortOf(head: Uint8Array): Sort {
  const type = imageType(head);
  if (type) return { is: "image", type };
  return isText(head) ? { is: "text" } : { is: "binary" };
}

/** PNG, JPEG, GIF or WebP by their magic numbers; null for anything else. */
export function imageType(head: Uint8Array): ImageType | null {
  if (starts(head, 0, "\x89PNG\r\n\x1a\n")) return "image/png";
  if (starts(head, 0, "\xff\xd8\xff")) return "image/jpeg";
  if (starts(head, 0, "GIF87a") || starts(head, 0, "GIF89a")) return "image/gif";
  if (starts(head, 0, "RIFF") && starts(head, 8, "WEBP")) return "image/webp";
  return null;
}

function starts(bytes: Uint8Array, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text.charCodeAt(i)) return false;
  return true;
}

/** UTF-8 without NUL; a character cut off at the end does not count against it. */
function isText(head: Uint8Array): boolean {
  if (head.includes(0)) return false;
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(head, { stream: true });
    return true;
  } catch {
    return false;
  }
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Width and height as the header says, before anything is decoded; null if it does not say. */
export function imageSize(bytes: Uint8Array, type: ImageType): Size | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    if (type === "image/png") return { width: view.getUint32(16), height: view.getUint32(20) };
    if (type === "image/gif")
      return { width: view.getUint16(6, true), height: view.getUint16(8, true) };
    return type === "image/webp" ? webpSize(view) : jpegSize(view);
  } catch {
    return null;
  }
}

/** Of the three headers of a WebP (RFC 9649): `VP8X`, `VP8L`, `VP8 `. */
function webpSize(view: DataView): Size | null {
  const form = view.getUint32(12);
  if (form === 0x56503858) {
    return { width: 1 + u24(view, 24), height: 1 + u24(view, 27) };
  }
  if (form === 0x5650384c) {
    const bits = view.getUint32(21, true);
    return { width: 1 + (bits & 0x3fff), height: 1 + ((bits >>> 14) & 0x3fff) };
  }
  if (form !== 0x56503820) return null;
  return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
}

function u24(view: DataView, at: number): number {
  return view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
}

/** From the first frame header (SOF0 to SOF15, without DHT, JPG and DAC; ITU T.81, B.2.2). */
function jpegSize(view: DataView): Size | null {
  let at = 2;
  while (view.getUint8(at) === 0xff) {
    const marker = view.getUint8(at + 1);
    if (marker === 0xff) {
      at++;
      continue;
    }
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      return { width: view.getUint16(at + 7), height: view.getUint16(at + 5) };
    }
    if (marker === 0xda || marker === 0xd9) return null;
    at += 2 + view.getUint16(at + 2);
  }
  return null;
}
