import { readFileSync } from "node:fs";
import { buildSchema, parse, validate } from "graphql";
import { expect, test } from "vitest";
import { COHORT, COHORT_NAME, COHORT_RUNS } from "./questions";

const schema = buildSchema(readFileSync("../schema.graphql", "utf8"));

test.each([COHORT, COHORT_NAME, COHORT_RUNS])("%s fits the schema", (operation) => {
  expect(validate(schema, parse(operation)).map(({ message }) => message)).toEqual([]);
});
