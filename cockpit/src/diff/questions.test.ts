import { readFileSync } from "node:fs";
import { buildSchema, parse, validate } from "graphql";
import { expect, test } from "vitest";
import * as questions from "./questions";

const schema = buildSchema(readFileSync("../schema.graphql", "utf8"));
const operations = Object.entries<unknown>(questions).flatMap(([name, value]) =>
  typeof value === "string" ? [[name, value] as const] : [],
);

test.each(operations)("%s fits the schema", (_, operation) => {
  expect(validate(schema, parse(operation)).map(({ message }) => message)).toEqual([]);
});

test("all operations of the page are checked", () => {
  expect(operations).toHaveLength(16);
});
