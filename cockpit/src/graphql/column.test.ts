import { expect, test } from "vitest";
import { i64After, u8, u16, u32 } from "./column";

// Made with Python's struct.pack("<…") and base64.b64encode.
test("columns decode as Python packed them", () => {
  expect([...u8("AAf/")]).toEqual([0, 7, 255]);
  expect([...u16("AQD//wAB")]).toEqual([1, 65_535, 256]);
  expect([...u32("AQAAAP////8=")]).toEqual([1, 4_294_967_295]);
});

test("times are relative to the run and an open end is not a number", () => {
  const column = "Fc2FPf6clxcAAAAAAAAAAA==";
  const first = 1_700_000_000_123_456_789n;

  expect([...i64After(column, first - 5n, true)]).toEqual([5, Number.NaN]);
});
