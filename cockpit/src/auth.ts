/**
 * The access token: in memory and sessionStorage, never in localStorage or a URL. A new tab asks its
 * siblings for it. On loopback the server wants none.
 */

const KEY = "forkpoint.token";
const CHANNEL = "forkpoint.token";

let current: string | null = null;
let channel: BroadcastChannel | null = null;

/** Takes up the token of this tab; without one, waits up to 80 ms for a sibling tab to answer. */
export async function loadToken(): Promise<void> {
  current = sessionStorage.getItem(KEY);
  channel = new BroadcastChannel(CHANNEL);
  const answered = Promise.withResolvers<void>();
  channel.addEventListener("message", ({ data }: MessageEvent<unknown>) => {
    if (data === "ask" && current) channel?.postMessage({ token: current });
    const offered = offeredToken(data);
    if (offered && !current) setToken(offered);
    if (offered) answered.resolve();
  });
  if (current) return;
  channel.postMessage("ask");
  const patience = setTimeout(answered.resolve, 80);
  await answered.promise;
  clearTimeout(patience);
}

function offeredToken(data: unknown): string | null {
  if (typeof data !== "object" || data === null || !("token" in data)) return null;
  return typeof data.token === "string" ? data.token : null;
}

export function token(): string | null {
  return current;
}

export function setToken(value: string | null): void {
  current = value;
  if (value === null) sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, value);
}

/** Headers of a request under the present token. */
export function authHeaders(): Record<string, string> {
  return current ? { authorization: `Bearer ${current}` } : {};
}
