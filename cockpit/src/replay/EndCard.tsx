import { Link } from "@tanstack/react-router";
import { count } from "../format/count";
import { plainLine } from "../format/visible";
import { Button } from "../ui/Button";
import { Chip } from "../ui/Chip";
import { Recorded } from "../ui/Recorded";
import styles from "./EndCard.module.css";
import { readReplayReport } from "./report";
import type { Session } from "./useSession";
import { reasonWords, VERDICT_WORDS } from "./words";

/** What a replay came to, and what to do next. */
export function EndCard({ session, onClose }: { session: Session; onClose: () => void }) {
  const { verdict, failedStep } = session;
  const report = readReplayReport(session.report);
  const [tone, words] = verdict
    ? VERDICT_WORDS[verdict]
    : (["error", "ended without a verdict"] as const);
  const pair = `${session.runId}...${session.newRunId}`;
  const resumable = failedStep?.reason === "needs_tool_output";
  return (
    <section className={styles.card} aria-label="Result of the replay">
      <header className={styles.head}>
        <Chip tone={tone}>{verdict?.toLowerCase() ?? session.state.toLowerCase()}</Chip>
        <h2>{words}</h2>
        <span className={styles.close}>
          <Button tone="quiet" title="Close" onPress={onClose}>
            ✕
          </Button>
        </span>
      </header>
      {failedStep || session.reason ? <Failed session={session} /> : null}
      {report.changes.length ? (
        <table className={styles.changes}>
          <thead>
            <tr>
              <th>where</th>
              <th>expected</th>
              <th>got</th>
            </tr>
          </thead>
          <tbody>
            {report.changes.slice(0, 5).map(({ pointer, expected, got }) => (
              <tr key={pointer}>
                <td>
                  <code>{plainLine(pointer)}</code>
                </td>
                <td>
                  <Recorded text={expected.slice(0, 240)} />
                </td>
                <td>
                  <Recorded text={got.slice(0, 240)} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      ) : null}
      <p className={styles.facts}>
        {report.matched === null ? null : (
          <span>
            {count(report.matched)} of {report.recorded === null ? "–" : count(report.recorded)}{" "}
            matched
          </span>
        )}
        {report.guard ? <span>guard {plainLine(report.guard)}</span> : null}
        {report.code?.recorded || report.code?.now ? (
          <span>
            code {plainLine(report.code.recorded ?? "–")} → {plainLine(report.code.now ?? "–")}
          </span>
        ) : null}
        {session.says.map((word) => (
          <Chip key={word} tone="warn">
            {word}
          </Chip>
        ))}
        {[...new Set(report.soft)]
          .filter((code) => !session.says.includes(code))
          .map((code) => (
            <Chip key={code} title={reasonWords(code)}>
              {code.replaceAll("_", " ")}
            </Chip>
          ))}
        {report.suggest ? <span>{plainLine(report.suggest)}</span> : null}
      </p>
      <footer className={styles.ways}>
        <Link to="/diff/$pair" params={{ pair }} search={{}}>
          Diff
        </Link>
        <ForkAgain session={session} />
        {resumable && failedStep?.sequence != null ? (
          <Link
            to="/runs/$run/fork/$step"
            params={{ run: session.newRunId, step: failedStep.sequence }}
            search={{ resumes: session.id }}
          >
            Resume with this output
          </Link>
        ) : null}
      </footer>
    </section>
  );
}

/** Back to the composer at the same cut of the recording. */
function ForkAgain({ session }: { session: Session }) {
  const at = cutSequence(session.plan);
  if (at === null) return null;
  return (
    <Link to="/runs/$run/fork/$step" params={{ run: session.runId, step: at }} search={{}}>
      Fork again
    </Link>
  );
}

function Failed({ session }: { session: Session }) {
  const { failedStep } = session;
  const reason = failedStep?.reason ?? session.reason ?? "";
  return (
    <p className={styles.failed}>
      {failedStep?.sequence == null ? (
        failedStep?.key ? (
          <code>{plainLine(failedStep.key)}</code>
        ) : null
      ) : (
        <Link
          to="/runs/$run/steps/$step"
          params={{ run: session.newRunId, step: failedStep.sequence }}
          search={true}
        >
          #{failedStep.sequence}
        </Link>
      )}
      <span>{reasonWords(reason)}</span>
      <code>{reason.toLowerCase()}</code>
      {session.message ? (
        <span className={styles.message}>{plainLine(session.message)}</span>
      ) : null}
    </p>
  );
}

/** Step number of the cut in a kept plan; null for a replay without one. */
function cutSequence(plan: unknown): string | null {
  const found = /"asked_sequence":\s*(\d+)/.exec(JSON.stringify(plan ?? null));
  return found?.[1] ?? null;
}
