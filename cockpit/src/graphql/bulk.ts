/** The bare client of the column plane: one POST, no cache, no normalising. */

import { authHeaders } from "../auth";
import { graphqlFailure, httpFailure, isRecord, RequestFailed } from "./failure";

/** Runs an operation and returns its `data`; throws `RequestFailed`. The caller names the shape. */
export async function bulkQuery<Data>(
  query: string,
  variables: Record<string, unknown>,
  signal?: AbortSignal,
): Promise<Data> {
  const response = await fetch("/graphql", {
    method: "POST",
    headers: { "content-type": "application/json", ...authHeaders() },
    body: JSON.stringify({ query, variables }),
    ...(signal ? { signal } : {}),
  });
  const body: unknown = await response.json().catch(() => null);
  if (!isRecord(body)) throw new RequestFailed(httpFailure(response.status));
  const errors = Array.isArray(body.errors) ? body.errors : [];
  const first: unknown = errors[0];
  if (isRecord(first)) {
    throw new RequestFailed(graphqlFailure(String(first.message), first.extensions));
  }
  if (!response.ok || !isRecord(body.data)) throw new RequestFailed(httpFailure(response.status));
  // The document and `Data` are written side by side and held together by the schema test.
  return body.data as Data;
}
