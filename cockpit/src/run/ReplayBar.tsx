import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { count, plural } from "../format/count";
import { runTag } from "../format/identity";
import { plainLine } from "../format/visible";
import { EndCard } from "../replay/EndCard";
import { SessionFactsLine } from "../replay/SessionFacts";
import { StopButton } from "../replay/StopButton";
import { useSession } from "../replay/useSession";
import { isOpen, VERDICT_WORDS } from "../replay/words";
import type { RunFacts } from "../runstore/documents";
import { Button } from "../ui/Button";
import { Chip } from "../ui/Chip";
import styles from "./ReplayBar.module.css";

/** State and outcome of a replay, over the timeline of the run it made. */
export function ReplayBar({
  facts,
  base,
  recorded,
  steps,
  diverged,
}: {
  facts: RunFacts;
  /** Run whose steps are compared. */
  base: string;
  /** Steps of the recording; null while it loads. */
  recorded: number | null;
  steps: number;
  /** Number of the first diverged step; null without one. */
  diverged: number | null;
}) {
  const { session } = useSession(facts.origin?.session ?? null);
  const [open, setOpen] = useState<boolean | null>(null);
  const { origin } = facts;
  const over = session !== null && !isOpen(session.state);
  const carded = over && (open ?? session.verdict !== "IDENTICAL");
  return (
    <>
      <section className={styles.bar} aria-label="Replay">
        {session ? <SessionFactsLine session={session} /> : <Bare facts={facts} />}
        {session?.stale ? (
          <Chip tone="warn" title="The trace it replays has grown since; replay it again.">
            stale
          </Chip>
        ) : null}
        <span>
          {count(steps)} of {recorded === null ? "…" : plural(recorded, "recorded step")}
        </span>
        {origin?.cutKey ? (
          <span>
            cut {origin.cutSide} <code>{plainLine(origin.cutKey)}</code>
          </span>
        ) : null}
        {diverged === null ? null : (
          <Link
            to="/runs/$run/steps/$step"
            params={{ run: facts.id, step: String(diverged) }}
            search={true}
          >
            ≠ first divergence #{diverged}
          </Link>
        )}
        <span className={styles.links}>
          {session && isOpen(session.state) ? <StopButton session={session.id} /> : null}
          {over ? (
            <Button tone="quiet" pressed={carded} onPress={() => setOpen(!carded)}>
              result
            </Button>
          ) : null}
          <Link to="/runs/$run" params={{ run: base }} search={{}}>
            Recording {runTag(base)}
          </Link>
          <Link to="/diff/$pair" params={{ pair: `${base}...${facts.id}` }} search={{}}>
            Diff
          </Link>
        </span>
      </section>
      {carded ? <EndCard session={session} onClose={() => setOpen(false)} /> : null}
    </>
  );
}

/** A replay that was made elsewhere: only its run knows what it came to. */
function Bare({ facts: { verdict, status } }: { facts: RunFacts }) {
  if (!verdict) return <Chip tone="accent">{status === "RUNNING" ? "running" : "no verdict"}</Chip>;
  const [tone, words] = VERDICT_WORDS[verdict];
  return (
    <>
      <Chip tone={tone}>{verdict.toLowerCase()}</Chip>
      <span className={styles.words}>{words}</span>
    </>
  );
}
