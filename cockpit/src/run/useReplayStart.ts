/** Exact replay from the run page: by a runner that knows the run, else by a worker. */

import { useNavigate } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { useQuery } from "urql";
import { client } from "../graphql/client";
import { failureOf } from "../graphql/failure";
import { follow } from "../graphql/socket";
import { Runners, StartReplay } from "../replay/documents";
import { announce } from "../runstore/coming";
import type { RunFacts } from "../runstore/documents";

export interface ReplayStart {
  readonly start: () => void;
  readonly busy: boolean;
  /** Why it could not be started; null while nothing is wrong. */
  readonly trouble: string | null;
}

/** How long a list of runners is taken for what is online now. */
const FRESH_MS = 15_000;

/** An entry point called like the run, if a runner offers one now. */
async function entryOf(name: string, fetchedAt: number) {
  const requestPolicy = Date.now() - fetchedAt < FRESH_MS ? "cache-first" : "network-only";
  const { data } = await client.query(Runners, {}, { requestPolicy }).toPromise();
  const found = data?.project.runners.find(({ entrypoints }) => entrypoints.includes(name));
  return found ? { executor: "HOST" as const, runner: found.name, entrypoint: name } : {};
}

export function useReplayStart(recording: RunFacts): ReplayStart {
  const { id: runId, name } = recording;
  const navigate = useNavigate();
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState<string | null>(null);
  const fetchedAt = useRef(0);
  const pause = recording.status === "RUNNING";
  const [runners] = useQuery({ query: Runners, requestPolicy: "network-only", pause });
  useEffect(() => {
    if (runners.data) fetchedAt.current = Date.now();
  }, [runners.data]);
  const begin = async () => {
    openSocket();
    const place = await entryOf(name, fetchedAt.current);
    const input = { runId, ...place, clientId: crypto.randomUUID() };
    const { data, error } = await client.mutation(StartReplay, { input }).toPromise();
    const session = data?.startReplay.sessions[0];
    if (error || !session) throw error ?? new Error("The replay was not started.");
    announce(session, recording);
    await navigate({
      to: "/runs/$run",
      params: { run: session.newRunId },
      search: { base: runId, follow: 1 },
    });
  };
  const start = () => {
    if (busy) return;
    setBusy(true);
    setTrouble(null);
    begin()
      .catch((error: unknown) => setTrouble(failureOf(error).message))
      .finally(() => setBusy(false));
  };
  return { start, busy, trouble };
}

/** Opens the socket while the request is on its way: what follows then needs no handshake. */
function openSocket(): void {
  const nothing = { query: "subscription Opened { runsChanged }", variables: {} };
  // Stopped before the socket is open it is never sent; the socket stays for whoever follows.
  follow({ operation: () => nothing, onData: () => {}, onEnd: () => {} }).stop();
}
