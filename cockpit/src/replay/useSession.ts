/** A replay session, loaded once and followed until it is over. */

import { useEffect, useState } from "react";
import { client } from "../graphql/client";
import { type Failure, failureOf } from "../graphql/failure";
import type { SessionFragment } from "../graphql/generated/graphql";
import { follow } from "../graphql/socket";
import { REPLAY_PROGRESS, SessionFacts } from "./documents";
import { isOpen } from "./words";

export type Session = SessionFragment;
export type Progress = Session["progress"];

export interface Followed {
  /** Null while it loads, and for a replay that was not asked for here. */
  readonly session: Session | null;
  readonly failure: Failure | null;
  readonly loading: boolean;
}

/** What was started here is known already; after that the server is asked. */
async function load(id: string, requestPolicy: "cache-first" | "network-only") {
  const answer = await client.query(SessionFacts, { id }, { requestPolicy }).toPromise();
  if (answer.error) throw answer.error;
  return answer.data?.replaySession ?? null;
}

/** The session of an id; null follows none. */
export function useSession(id: string | null): Followed {
  const [state, setState] = useState<Followed>({ session: null, failure: null, loading: true });
  useEffect(() => {
    if (id === null) return setState({ session: null, failure: null, loading: false });
    setState({ session: null, failure: null, loading: true });
    return following(id, setState);
  }, [id]);
  return state;
}

/** Reports the session, then each of its changes, then what it came to; the result stops it. */
function following(id: string, tell: (state: Followed) => void): () => void {
  let stopped = false;
  let session: Session | null = null;
  const say = (next: Session | null) => {
    session = next;
    if (!stopped) tell({ session, failure: null, loading: false });
  };
  const again = (policy: "cache-first" | "network-only" = "network-only") =>
    load(id, policy)
      .then(say)
      .catch((error: unknown) => {
        if (!stopped) tell({ session, failure: failureOf(error), loading: false });
      });
  const stream = follow<{ replayProgress: Progress }>({
    operation: () => ({
      query: REPLAY_PROGRESS,
      variables: { session: id, after: session?.progress.n ?? -1 },
    }),
    onData: ({ replayProgress: progress }) => {
      if (!session || !isOpen(progress.state)) return void again();
      if (progress.n > session.progress.n) say({ ...session, progress, state: progress.state });
    },
    onEnd: () => void again(),
  });
  void again("cache-first");
  return () => {
    stopped = true;
    stream.stop();
  };
}
