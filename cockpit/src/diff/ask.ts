/** Questions of which some fields may be refused: a withheld payload leaves the others readable. */

import { authHeaders } from "../auth";
import { graphqlFailure, httpFailure, isRecord, RequestFailed } from "../graphql/failure";

/** The data of an operation, refused fields as null; throws `RequestFailed` if there is none. */
export async function askWhatMayBeRead<Data>(
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
  // The document and `Data` are written side by side; a test holds the documents to the schema.
  if (isRecord(body) && isRecord(body.data)) return body.data as Data;
  const first: unknown = isRecord(body) && Array.isArray(body.errors) ? body.errors[0] : null;
  throw new RequestFailed(
    isRecord(first)
      ? graphqlFailure(String(first.message), first.extensions)
      : httpFailure(response.status),
  );
}
