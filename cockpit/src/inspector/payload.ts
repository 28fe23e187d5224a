/** Payload of one step by role and pointer, in the pieces the server gives. */

import { client } from "../graphql/client";
import type { ArtifactPreviewQuery } from "../graphql/generated/graphql";
import { ArtifactItems, ArtifactPreview } from "./documents";

/** Where a payload is: a role of a step of a run. */
export interface Place {
  readonly run: string;
  readonly sequence: string;
  readonly role: string;
}

type Found<T> = NonNullable<T>;
export type Preview = Found<
  Found<Found<Found<ArtifactPreviewQuery["run"]>["step"]>["artifact"]>["preview"]
>;

export interface Items {
  readonly total: number;
  readonly keys: readonly string[] | null;
  readonly values: readonly unknown[];
}

export const PREVIEW_BYTES = 65_536;
export const PAGE = 200;

/** A look at the value: whole when it is small, both ends of a long text, else only its size. */
export async function preview(
  place: Place,
  pointer: string,
  most = PREVIEW_BYTES,
): Promise<Preview> {
  const result = await client.query(ArtifactPreview, { ...place, pointer, most }).toPromise();
  const found = result.data?.run?.step?.artifact?.preview;
  if (!found) throw result.error ?? new Error("This payload is not there.");
  return found;
}

/** Up to 200 entries of a list or an object. */
export async function items(
  place: Place,
  pointer: string,
  from: number,
  first = PAGE,
): Promise<Items> {
  const result = await client.query(ArtifactItems, { ...place, pointer, from, first }).toPromise();
  const found = result.data?.run?.step?.artifact?.items;
  if (!found) throw result.error ?? new Error("This payload is not there.");
  const values: unknown = found.values;
  return {
    total: found.total,
    keys: found.keys ?? null,
    values: Array.isArray(values) ? values : [],
  };
}

/** A key as a part of a JSON pointer (RFC 6901). */
export function pointerPart(key: string | number): string {
  return `/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

/** Whether `value` only says that it was too large to be sent with its siblings. */
export function isLeftOut(value: unknown): value is { $truncated: true; size: number } {
  return typeof value === "object" && value !== null && "$truncated" in value;
}
