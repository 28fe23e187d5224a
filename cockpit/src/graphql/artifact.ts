/** Bytes of an artifact by digest, whole or a range of them; at most four requests at a time. */

import { authHeaders } from "../auth";
import { graphqlFailure, httpFailure, isRecord, RequestFailed } from "./failure";

const IN_FLIGHT = 4;
let flying = 0;
const waiting: (() => void)[] = [];

async function slot(): Promise<void> {
  if (flying < IN_FLIGHT) flying++;
  else await new Promise<void>((resolve) => waiting.push(resolve));
}

function give(): void {
  const next = waiting.shift();
  if (next) next();
  else flying--;
}

/** Where the bytes of a clean artifact are. */
export interface Source {
  readonly run: string;
  readonly digest: string;
}

/** Bytes of [from, to); fewer where the artifact ends before. Throws `RequestFailed`. */
export async function readBytes(
  source: Source,
  from: number,
  to: number,
): Promise<Uint8Array<ArrayBuffer>> {
  if (to <= from) return new Uint8Array();
  const response = await ask(source, { range: `bytes=${from}-${to - 1}` });
  const bytes = new Uint8Array(await response.arrayBuffer());
  return response.status === 206 ? bytes : bytes.slice(from, to);
}

/** All of it, for a download; the browser keeps what is large on disk. */
export async function readBlob(source: Source): Promise<Blob> {
  return (await ask(source, {})).blob();
}

async function ask({ run, digest }: Source, headers: Record<string, string>): Promise<Response> {
  await slot();
  try {
    const url = `/v1/artifacts/${encodeURIComponent(digest)}?run=${encodeURIComponent(run)}`;
    const response = await fetch(url, { headers: { ...headers, ...authHeaders() } });
    if (!response.ok) throw new RequestFailed(await refusalOf(response));
    return response;
  } finally {
    give();
  }
}

async function refusalOf(response: Response) {
  const body: unknown = await response.json().catch(() => null);
  const error: unknown = isRecord(body) ? body.error : null;
  return isRecord(error)
    ? graphqlFailure(String(error.message), error)
    : httpFailure(response.status);
}
