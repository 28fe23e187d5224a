import { Link } from "@tanstack/react-router";
import { runTag } from "../format/identity";
import { plainLine } from "../format/visible";
import { replayCommand } from "./command";
import { SessionFactsLine } from "./SessionFacts";
import styles from "./SessionPage.module.css";
import { StopButton } from "./StopButton";
import { type Session, useSession } from "./useSession";
import { isOpen, reasonWords } from "./words";

/** Sessions that have no run to show yet, or never got one. */
export function SessionPage({ session, others }: { session: Session; others: readonly string[] }) {
  const failed = session.state === "FAILED" || session.state === "CANCELLED";
  const host = session.executor === "HOST";
  return (
    <section className={styles.page} aria-label="Replay session">
      <h2 className={styles.title}>
        {session.kind === "fork" ? "Fork" : "Replay"} of{" "}
        <Link to="/runs/$run" params={{ run: session.runId }} search={{}}>
          {session.run ? plainLine(session.run.name) : "run"} {runTag(session.runId)}
        </Link>
      </h2>
      <SessionFactsLine session={session} />
      {failed ? (
        <p className={styles.reason} role="alert">
          {session.reason ? reasonWords(session.reason) : "It ended without a result."}
          {session.message ? <span>{plainLine(session.message)}</span> : null}
          {session.reason ? <code>{session.reason}</code> : null}
        </p>
      ) : null}
      {isOpen(session.state) ? <StopButton session={session.id} /> : null}
      {host && isOpen(session.state) && session.entrypoint ? (
        <p className={styles.command}>
          A runner takes it, or this command does the same:
          <code>{replayCommand({ run: session.runId, host: true })}</code>
        </p>
      ) : null}
      {others.length > 0 ? (
        <ol className={styles.samples} aria-label="Samples">
          {[session.id, ...others].map((id, at) => (
            <Sample key={id} id={id} number={at + 1} />
          ))}
        </ol>
      ) : null}
    </section>
  );
}

function Sample({ id, number }: { id: string; number: number }) {
  const { session } = useSession(id);
  if (!session) return <li>sample {number} …</li>;
  const started = session.state === "RUNNING" || session.verdict;
  return (
    <li>
      <span>sample {number}</span>
      <SessionFactsLine session={session} />
      {started ? (
        <Link
          to="/runs/$run"
          params={{ run: session.newRunId }}
          search={{ base: session.runId, follow: 1 }}
        >
          open
        </Link>
      ) : null}
    </li>
  );
}
