import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fileName, filesOf, savedName } from "./names";
import { grown, type Held, hexLines, jsonOf, missing, nextRange, textOf } from "./pieces";
import { imageSize, imageType, sortOf } from "./sniff";

function bytes(...parts: (string | readonly number[])[]): Uint8Array {
  return Uint8Array.from(
    parts.flatMap((part) =>
      typeof part === "string" ? [...part].map((c) => c.charCodeAt(0)) : part,
    ),
  );
}

const PNG = bytes("\x89PNG\r\n\x1a\n", [0, 0, 0, 13], "IHDR", [0, 0, 1, 0xe0, 0, 0, 1, 0x0e]);
const GIF = bytes("GIF89a", [0x40, 1, 0xf0, 0]);
const JPEG = bytes(
  [0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2],
  [0xff, 0xc4, 0, 3, 9],
  [0xff, 0xc2, 0, 17, 8, 0x02, 0x58, 0x03, 0x20],
);
const VP8X = bytes(
  "RIFF",
  [0, 0, 0, 0],
  "WEBPVP8X",
  [10, 0, 0, 0, 0, 0, 0, 0],
  [99, 1, 0, 59, 0, 0],
);
const VP8L = bytes("RIFF", [0, 0, 0, 0], "WEBPVP8L", [5, 0, 0, 0, 0x2f], [0x8f, 0xc0, 0x31, 0]);

describe("what a file is", () => {
  test("images are known by their first bytes, and say their size before they are decoded", () => {
    const known = [PNG, GIF, JPEG, VP8X, VP8L].map((head) => {
      const type = imageType(head);
      return type && [type, imageSize(head, type)];
    });

    expect(known).toEqual([
      ["image/png", { width: 480, height: 270 }],
      ["image/gif", { width: 320, height: 240 }],
      ["image/jpeg", { width: 800, height: 600 }],
      ["image/webp", { width: 356, height: 60 }],
      ["image/webp", { width: 144, height: 200 }],
    ]);
  });

  test("markup is text, whatever it calls itself; a header without a size has none", () => {
    expect(sortOf(bytes("<svg onload=alert(1)>"))).toEqual({ is: "text" });
    expect(sortOf(bytes("%PDF-1.7\n", [0xe2, 0xe3, 0xcf]))).toEqual({ is: "binary" });
    expect(sortOf(bytes("text", [0], "text"))).toEqual({ is: "binary" });
    expect(imageSize(PNG.slice(0, 18), "image/png")).toBeNull();
    expect(imageSize(bytes([0xff, 0xd8, 0xff, 0xd9]), "image/jpeg")).toBeNull();
  });

  test("a character cut off at the end of what was read leaves a text a text", () => {
    expect(sortOf(new TextEncoder().encode("naïve ☕").slice(0, -1))).toEqual({ is: "text" });
  });
});

describe("a long text from both ends", () => {
  test("however it is cut and loaded, the whole text comes out, and no half character before", () => {
    const cut = fc.tuple(
      fc.string({ unit: "grapheme", minLength: 1, maxLength: 60 }),
      fc.nat(),
      fc.nat(),
    );
    fc.assert(
      fc.property(cut, ([text, a, b]) => {
        const whole = new TextEncoder().encode(
          text.replaceAll("\ufeff", "").replaceAll("\ufffd", ""),
        );
        const ends = [a % (whole.length + 1), b % (whole.length + 1)].sort((x, y) => x - y);
        const [from = 0, to = 0] = ends;
        let held: Held = { size: whole.length, head: whole.slice(0, from), tail: whole.slice(to) };
        expect(textOf(held).head + textOf(held).tail).not.toContain("\ufffd");
        for (let next = nextRange(held); next; next = nextRange(held)) {
          held = grown(held, whole.slice(next.from, next.to));
        }
        expect(missing(held)).toBe(0);
        expect(textOf(held)).toEqual({ head: new TextDecoder().decode(whole), tail: "" });
      }),
    );
  });

  test("a page takes 2 MiB and no more", () => {
    const size = 64 * 1024 * 1024;
    const held = { size, head: new Uint8Array(2 * 1024 * 1024), tail: new Uint8Array() };

    expect([nextRange(held), missing(held)]).toEqual([null, size - 2 * 1024 * 1024]);
  });

  test("only whole containers are JSON", () => {
    expect([jsonOf(' {"a": 1}'), jsonOf("12"), jsonOf('{"a": ')]).toEqual([
      { a: 1 },
      undefined,
      undefined,
    ]);
  });

  test("other bytes stand as hex", () => {
    expect(hexLines(bytes("PK", [3, 4, 255]))).toEqual([
      "000000  50 4b 03 04 ff                                   PK···",
    ]);
  });
});

describe("names of files", () => {
  test("files stand in the order in which they were attached", () => {
    const roles = ["output", "note.0.12.file.b.txt", "note.1.0.file.c", "note.0.9.file.a.txt"];

    expect(filesOf(roles.map((role) => ({ role }))).map(({ role }) => fileName(role))).toEqual([
      "a.txt",
      "b.txt",
      "c",
    ]);
    expect(fileName("input.args")).toBeNull();
  });

  test("a name to save under has no path and hides nothing", () => {
    expect(savedName("../../etc/pass\u202ewd")).toBe("_.._etc_passwd");
    expect(savedName("\u200b ")).toBe("file");
  });
});
