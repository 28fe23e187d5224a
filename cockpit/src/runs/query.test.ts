import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseQuery, withToken } from "./query";

const NOW = Date.UTC(2026, 2, 8, 12, 0, 30);

describe("the filter line", () => {
  test("keys and free text become one filter", () => {
    const { filter } = parseQuery(
      'status:error,ok tool:refund kind:Tool name:"my agent" late order',
      NOW,
    );

    expect(filter).toEqual({
      status: ["ERROR", "OK"],
      tool: "refund",
      kind: "TOOL",
      name: "my agent",
      text: "late order",
    });
  });

  test("spans count back from now, to the minute", () => {
    const { filter } = parseQuery("since:7d duration:>1.5s", NOW);

    expect(filter.since).toBe(`${BigInt(Date.UTC(2026, 2, 1, 12, 0, 0)) * 1_000_000n}`);
    expect(filter.durationOverNs).toBe("1500000000");
  });

  test("a token that does not parse is marked and the rest applies", () => {
    const { filter, tokens } = parseQuery("status:broken tool:refund since:soon colour:red", NOW);

    expect(filter).toEqual({ tool: "refund" });
    expect(tokens.map(({ problem }) => problem !== null)).toEqual([true, false, true, true]);
    expect(tokens[2]).toMatchObject({ start: 26, end: 36 });
  });

  test("every token knows its place, whatever is typed", () => {
    fc.assert(
      fc.property(fc.string(), (line) => {
        for (const { start, end, text } of parseQuery(line, NOW).tokens) {
          expect(line.slice(start, end)).toBe(text);
        }
      }),
    );
  });

  test("one key can be replaced or taken away", () => {
    expect(withToken("status:error late since:7d", "since", "1d")).toBe(
      "status:error late since:1d",
    );
    expect(withToken("status:error late", "status", null)).toBe("late");
  });
});
