import { useEffect, useState } from "react";
import { count, money, plural, tokens } from "../format/count";
import { duration } from "../format/duration";
import { plainLine } from "../format/visible";
import { Chip, type Tone } from "../ui/Chip";
import styles from "./SessionPage.module.css";
import type { Session } from "./useSession";
import { EXECUTOR_WORDS, isOpen, STATE_WORDS, VERDICT_WORDS } from "./words";

/** State and why it waits, executor, how far it is, what it used, how long it takes. */
export function SessionFactsLine({ session }: { session: Session }) {
  const { progress, verdict, state } = session;
  return (
    <span className={styles.facts}>
      <Chip tone={toneOf(session)}>{verdict ? verdict.toLowerCase() : STATE_WORDS[state]}</Chip>
      {session.waits && state === "QUEUED" ? <span>waits for {session.waits}</span> : null}
      <span>{EXECUTOR_WORDS[session.executor]}</span>
      {session.entrypoint ? <code>{plainLine(session.entrypoint)}</code> : null}
      <Matched matched={progress.matched} total={progress.total ?? null} open={isOpen(state)} />
      <Spend spend={progress.spend} />
      <Elapsed session={session} />
    </span>
  );
}

function toneOf({ verdict, state }: Session): Tone {
  if (verdict) return VERDICT_WORDS[verdict][0];
  if (state === "FAILED") return "error";
  return state === "CANCELLED" || state === "STOPPED" ? "warn" : "accent";
}

function Matched({
  matched,
  total,
  open,
}: {
  matched: number;
  total: number | null;
  open: boolean;
}) {
  if (total === null || total === 0) return <span>{plural(matched, "step")} matched</span>;
  return (
    <>
      <span>
        {count(matched)} of {open ? "~" : ""}
        {count(total)} matched
      </span>
      {open ? (
        <span className={styles.meter} aria-hidden="true">
          <span style={{ width: `${Math.min(100, (100 * matched) / total)}%` }} />
        </span>
      ) : null}
    </>
  );
}

function Spend({ spend }: { spend: Session["progress"]["spend"] }) {
  if (spend.calls === 0) return null;
  const cost = spend.costMicroUsd === "0" ? "" : `, ${money(spend.costMicroUsd)}`;
  return (
    <span>
      {plural(spend.calls, "live call")}, {tokens(spend.tokens)} tokens{cost}
    </span>
  );
}

function Elapsed({ session }: { session: Session }) {
  const open = isOpen(session.state);
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    if (!open) return;
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, [open]);
  if (session.startedNs == null) return null;
  const end = session.endedNs == null ? BigInt(now) * 1_000_000n : BigInt(session.endedNs);
  const took = Number(end - BigInt(session.startedNs));
  return took > 0 ? <span>{duration(took)}</span> : null;
}
