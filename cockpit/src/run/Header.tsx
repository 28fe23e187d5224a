import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { count, money, plural, tokens } from "../format/count";
import { clockTime, duration, exactDuration, exactTime } from "../format/duration";
import { runTag } from "../format/identity";
import { plainLine } from "../format/visible";
import { Files } from "../inspector/files/FileView";
import { filesOf } from "../inspector/files/names";
import type { RunFacts } from "../runstore/documents";
import { Button } from "../ui/Button";
import { Chip } from "../ui/Chip";
import { Dialog } from "../ui/Dialog";
import { StatusMark } from "../ui/Marks";
import styles from "./Header.module.css";

/** Figures that follow a running run; of a finished one the server's own. */
export interface Totals {
  readonly steps: number;
  readonly errors: number;
  readonly tokens: number | null;
  readonly microUsd: number | null;
}

/** What the run is, in one line; facts that change trust stand as chips. */
export function Header({
  facts,
  totals,
  elapsed,
}: {
  facts: RunFacts;
  totals: Totals;
  elapsed: number;
}) {
  return (
    <div className={styles.header}>
      <StatusMark status={facts.status} />
      <h1 className={styles.name} title={facts.id}>
        {plainLine(facts.name)} <span>{runTag(facts.id)}</span>
      </h1>
      <Fact title={exactTime(facts.startedNs)}>{clockTime(facts.startedNs, Date.now())}</Fact>
      <Fact title={exactDuration(facts.durationNs)}>{duration(facts.durationNs ?? elapsed)}</Fact>
      <Fact>{plural(totals.steps, "step")}</Fact>
      {totals.errors ? <Fact error>{count(totals.errors)}▲</Fact> : null}
      {totals.tokens ? <Fact title={count(totals.tokens)}>{tokens(totals.tokens)} tok</Fact> : null}
      {totals.microUsd === null ? null : <Fact>{money(totals.microUsd)}</Fact>}
      <Trust facts={facts} />
      <Lineage facts={facts} />
      <RunFiles facts={facts} />
    </div>
  );
}

/** A run that a replay is about to make: what it is called, and what it comes from. */
export function ComingHeader({ facts }: { facts: RunFacts }) {
  return (
    <div className={styles.header}>
      <h1 className={styles.name} title={facts.id}>
        {plainLine(facts.name)} <span>{runTag(facts.id)}</span>
      </h1>
      <Lineage facts={facts} />
    </div>
  );
}

function Fact({
  children,
  title,
  error = false,
}: {
  children: React.ReactNode;
  title?: string;
  error?: boolean;
}) {
  return (
    <span className={styles.fact} title={title} data-error={error}>
      {children}
    </span>
  );
}

const HEALTH: Record<string, readonly [string, string]> = {
  INCOMPLETE: ["incomplete", "Events of this run are missing; the holes are drawn."],
  PRIVACY_RISK: ["privacy risk", "Some payload could not be checked and is not shown."],
  ARTIFACT_FAILED: ["artifact failed", "Some payload could not be stored."],
};

function Trust({ facts }: { facts: RunFacts }) {
  return (
    <>
      {facts.health.map((flag) => {
        const [word, why] = HEALTH[flag] ?? [flag.toLowerCase(), ""];
        return (
          <Chip key={flag} tone="warn" title={why}>
            {word}
          </Chip>
        );
      })}
      {facts.ordering === "derived" ? (
        <Chip title="The order of steps was derived from their times.">derived order</Chip>
      ) : null}
      {facts.identity === "derived" ? (
        <Chip title="Call keys were derived; replays match by content alone.">
          derived identity
        </Chip>
      ) : null}
      {facts.traceUrl ? (
        <a className={styles.link} href={facts.traceUrl} rel="noreferrer" target="_blank">
          trace
        </a>
      ) : null}
      {facts.tags.slice(0, 4).map((tag) => (
        <Chip key={tag}>{plainLine(tag)}</Chip>
      ))}
    </>
  );
}

/** Files that were attached to the run outside of any step. */
function RunFiles({ facts }: { facts: RunFacts }) {
  const [open, setOpen] = useState(false);
  const files = filesOf(facts.artifacts);
  if (files.length === 0) return null;
  return (
    <>
      <Button tone="quiet" onPress={() => setOpen(true)}>
        {plural(files.length, "file")}
      </Button>
      {open ? (
        <Dialog label="Files of the run" onClose={() => setOpen(false)}>
          <div className={styles.files}>
            <h2>Files of the run</h2>
            <Files run={facts.id} artifacts={files} />
          </div>
        </Dialog>
      ) : null}
    </>
  );
}

function Lineage({ facts }: { facts: RunFacts }) {
  const { origin } = facts;
  return (
    <>
      {origin ? (
        <Link className={styles.link} to="/runs/$run" params={{ run: origin.runId }} search={{}}>
          {origin.kind} of {runTag(origin.runId)}
        </Link>
      ) : null}
      {facts.forks.totalCount > 0 ? (
        <Link className={styles.link} to="/runs" search={{ q: `forkOf:${facts.id}` }}>
          {plural(facts.forks.totalCount, "run")} from this
        </Link>
      ) : null}
    </>
  );
}
