import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bytes, money, plural, share, tokens } from "./count";
import { clockTime, duration, exactTime } from "./duration";
import { runTag, shortDigest } from "./identity";
import { pieces, plainLine } from "./visible";

describe("durations", () => {
  test.each([
    [null, "–"],
    [0, "0 ns"],
    [840_400, "840 µs"],
    [412_000_000, "412 ms"],
    [999_600_000, "1.0 s"],
    [41_200_000_000, "41.2 s"],
    [192_000_000_000, "3 m 12 s"],
    ["7500000000000", "2 h 05 m"],
  ])("%s ns reads %s", (ns, text) => {
    expect(duration(ns)).toBe(text);
  });

  test("a time of another day carries its date", () => {
    const now = new Date(2026, 10, 22, 15, 0, 0).getTime();
    const at = (date: Date) => `${BigInt(date.getTime()) * 1_000_000n}`;

    expect(clockTime(at(new Date(2026, 10, 22, 14, 2, 11)), now)).toBe("14:02:11");
    expect(clockTime(at(new Date(2026, 2, 4, 14, 2, 11)), now)).toBe("Mar 04, 14:02");
    expect(clockTime(at(new Date(2024, 2, 4, 14, 2, 11)), now)).toBe("Mar 04 2024, 14:02");
  });

  test("an exact time keeps all nine digits", () => {
    expect(exactTime("1700000000123456789")).toBe("2023-11-14T22:13:20.123456789Z");
  });
});

describe("counts", () => {
  test.each([
    [4_102, "4,102"],
    [12_880, "12.9k"],
    [182_300, "182k"],
    [1_120_000, "1.1M"],
    [null, "–"],
  ])("%s tokens read %s", (value, text) => {
    expect(tokens(value)).toBe(text);
  });

  test.each([
    [940_000, "$0.94"],
    [6_400, "$0.0064"],
    [0, "$0"],
    [1_204_100_000, "$1,204.10"],
    [3, "<$0.0001"],
    [null, "–"],
  ])("%s micro-USD read %s", (value, text) => {
    expect(money(value)).toBe(text);
  });

  test("shares, sizes and plurals", () => {
    expect([share(31, 1000), share(1, 10_000), share(0, 5)]).toEqual(["3.1 %", "<0.1 %", "0 %"]);
    expect([bytes(812), bytes(4_200), bytes(67_108_864)]).toEqual(["812 B", "4.1 KiB", "64.0 MiB"]);
    expect([plural(1, "step"), plural(1024, "step")]).toEqual(["1 step", "1,024 steps"]);
  });
});

test("ids are shortened where they differ", () => {
  expect(runTag("0199f0aa-0000-7000-8000-00000000c7qk")).toBe("C7QK");
  expect(shortDigest("AbCdEfGhIjKl")).toBe("AbCdEfGh");
});

describe("hostile text", () => {
  test("overrides and zero-width characters become marks", () => {
    expect(pieces("pay \u202egro\u200b.txt")).toEqual([
      { type: "text", text: "pay " },
      { type: "mark", text: "U+202E" },
      { type: "text", text: "gro" },
      { type: "mark", text: "U+200B" },
      { type: "text", text: ".txt" },
    ]);
  });

  test("a redaction token becomes a chip that keeps the token", () => {
    const token = "rx1_EMAIL_a7f2bkkatr3morq5_f5";

    expect(pieces(`to ${token}!`)[1]).toEqual({ type: "redacted", text: "EMAIL a7f2", token });
  });

  test("no hidden character survives into a line", () => {
    const hidden = fc.constantFrom(
      "\u202e",
      "\u200b",
      "\u0000",
      "\u001b",
      "\u2066",
      "\ufeff",
      "\u{e0041}",
      "a",
      "é",
      "\n",
    );
    fc.assert(
      fc.property(fc.array(hidden), (characters) => {
        expect(plainLine(characters.join(""))).not.toMatch(
          /[\p{Cc}\u200b\u202e\u2066\ufeff]|\u{e0041}/u,
        );
      }),
    );
  });
});
