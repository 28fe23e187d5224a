/** One WebSocket for all subscriptions, opened with the first and closed after the last. */

import { type Client, createClient } from "graphql-ws";
import { token } from "../auth";

export type Connection = "idle" | "connecting" | "open" | "lost";

const listeners = new Set<() => void>();
let state: Connection = "idle";

function become(next: Connection): void {
  if (next === state) return;
  state = next;
  for (const listener of listeners) listener();
}

export function connection(): Connection {
  return state;
}

export function onConnection(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function socketUrl(): string {
  const url = new URL("/graphql", window.location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

/** Waits 0.3 s, then twice as long each time up to 5 s, with a fifth of chance. */
async function backoff(retries: number): Promise<void> {
  const delay = Math.min(5_000, 300 * 2 ** retries) * (0.9 + Math.random() * 0.2);
  await new Promise((resolve) => setTimeout(resolve, delay));
}

const ANSWER_MS = 5_000;
let waiting: ReturnType<typeof setTimeout> | undefined;

/** Retries for ever; each subscriber resumes from its own cursor (see `follow`). */
export const socket: Client = createClient({
  url: socketUrl,
  lazy: true,
  lazyCloseTimeout: 2_000,
  keepAlive: 12_000,
  retryAttempts: 0,
  connectionParams: () => {
    const held = token();
    return held ? { authorization: `Bearer ${held}` } : {};
  },
  on: {
    connecting: () => become(state === "lost" ? "lost" : "connecting"),
    connected: () => become("open"),
    closed: (event) => {
      clearTimeout(waiting);
      become(wasClean(event) ? "idle" : "lost");
    },
    // A connection that died without a word: no answer to our ping within 5 s ends it.
    ping: (received) => {
      if (!received) waiting = setTimeout(() => socket.terminate(), ANSWER_MS);
    },
    pong: (received) => {
      if (received) clearTimeout(waiting);
    },
  },
});

function wasClean(event: unknown): boolean {
  return event instanceof CloseEvent && event.code === 1000;
}

export interface Following {
  stop(): void;
}

export interface Subscriber<Data> {
  /** The operation as of now: after a lost connection it is asked again, to resume. */
  readonly operation: () => { query: string; variables: Record<string, unknown> };
  readonly onData: (data: Data) => void;
  /** The server completed the subscription, or refused it with these errors. */
  readonly onEnd: (errors: unknown) => void;
}

/** Subscribes, and after every lost connection again, from wherever `operation` then stands. */
export function follow<Data>(subscriber: Subscriber<Data>): Following {
  let stopped = false;
  let dispose: () => void = () => {};
  let retries = 0;
  const attempt = () => {
    dispose = socket.subscribe<Data>(subscriber.operation(), {
      next: ({ data, errors }) => {
        retries = 0;
        if (data) subscriber.onData(data);
        else if (errors) subscriber.onEnd(errors);
      },
      error: (error) => void again(error),
      complete: () => {
        if (!stopped) subscriber.onEnd(null);
        stopped = true;
      },
    });
  };
  const again = async (error: unknown) => {
    if (stopped) return;
    if (Array.isArray(error)) return subscriber.onEnd(error);
    become("lost");
    await backoff(retries++);
    if (!stopped) attempt();
  };
  attempt();
  return {
    stop() {
      stopped = true;
      dispose();
    },
  };
}
