import { Link } from "@tanstack/react-router";
import { useEffect, useMemo, useRef, useState } from "react";
import { count, plural } from "../format/count";
import { runTag } from "../format/identity";
import { plainLine } from "../format/visible";
import { bulkQuery } from "../graphql/bulk";
import { FilterLine } from "../runs/FilterLine";
import { parseQuery } from "../runs/query";
import { KINDS } from "../runstore/columns";
import { Chip } from "../ui/Chip";
import { Frame } from "../ui/Frame";
import { KindMark } from "../ui/Marks";
import { Empty, Failed, Skeleton } from "../ui/State";
import styles from "./Cohort.module.css";
import { COHORT_NAME, type Cohort, type Member, type Place } from "./questions";
import { shares, shareWords, tellingPlace } from "./telling";
import { type Compared, MOST_RUNS, useCohort } from "./useCohort";

export interface PageProps {
  readonly base: string;
  /** The filter as typed; the name of the base if there is none. */
  readonly line: string | undefined;
  readonly onLine: (line: string) => void;
}

/** One run against many of the same agent and input: where failed ones part from good ones. */
export function Page({ base, line, onLine }: PageProps) {
  const [round, setRound] = useState(0);
  const field = useRef<HTMLInputElement>(null);
  const name = useName(base);
  const typed = line ?? (name === null ? null : `name:${quoted(name)}`);
  const query = useMemo(() => (typed === null ? null : parseQuery(typed, Date.now())), [typed]);
  const { compared, failure, loading } = useCohort(base, query?.filter ?? null, round);
  return (
    <Frame
      crumbs={<Title base={base} name={name} />}
      status={compared ? <Status compared={compared} /> : null}
    >
      <div className={styles.page} data-stale={loading}>
        {query ? (
          <FilterLine
            line={typed ?? ""}
            query={query}
            field={field}
            onChange={onLine}
            onLeave={() => field.current?.blur()}
          />
        ) : null}
        {failure ? (
          <Failed failure={failure} onRetry={() => setRound((old) => old + 1)} />
        ) : compared?.cohort ? (
          <Found base={base} cohort={compared.cohort} />
        ) : loading ? (
          <Skeleton rows={8} label="Comparing" />
        ) : (
          <Empty
            title="No other finished run is like that"
            text="Record the same agent on the same input a few times, or choose others by the filter above."
            command={`forkpoint diff ${base} --cohort ${name ?? "NAME"}`}
          />
        )}
      </div>
    </Frame>
  );
}

function quoted(name: string): string {
  return /[\s"]/.test(name) ? JSON.stringify(name) : name;
}

function useName(base: string): string | null {
  const [name, setName] = useState<string | null>(null);
  useEffect(() => {
    const controller = new AbortController();
    bulkQuery<{ run: { name: string } | null }>(COHORT_NAME, { base }, controller.signal)
      .then(({ run }) => setName(run?.name ?? ""))
      // What is wrong with the base the comparison itself says.
      .catch(() => setName(""));
    return () => controller.abort();
  }, [base]);
  return name;
}

function Title({ base, name }: { base: string; name: string | null }) {
  return (
    <h1 className={styles.title}>
      <span>Cohort of</span>
      <Link to="/runs/$run" params={{ run: base }} search={{}}>
        {plainLine(name ?? "…")} <span className={styles.tag}>{runTag(base)}</span>
      </Link>
    </h1>
  );
}

function Status({ compared: { others, cohort } }: { compared: Compared }) {
  const total = others.runs.totalCount;
  return (
    <span>
      {plural(cohort?.runs.length ?? 0, "run")} compared
      {total > MOST_RUNS ? `, the newest of ${count(total)}` : ""}
      {cohort?.notComparable.length
        ? `, ${count(cohort.notComparable.length)} of another key left out`
        : ""}
    </span>
  );
}

function Found({ base, cohort }: { base: string; cohort: Cohort }) {
  const telling = tellingPlace(cohort);
  return (
    <>
      <p className={styles.sum}>
        <Chip tone="ok">✓ {plural(cohort.good, "run")} with the outcome of the base</Chip>
        <Chip tone="error">✕ {plural(cohort.bad, "run")} with another</Chip>
        {telling ? (
          <span>
            they part at <strong>{plainLine(telling.name)}</strong>{" "}
            <span className={styles.tag}>{telling.key}</span>: {shareWords(telling, cohort)}
          </span>
        ) : (
          <span>no single place tells them apart</span>
        )}
      </p>
      <Places cohort={cohort} />
      <Runs base={base} cohort={cohort} />
    </>
  );
}

const SHOWN = 30;

/** The picture: for each place, which share of failed and of good runs parts from the base there. */
function Places({ cohort }: { cohort: Cohort }) {
  if (cohort.places.length === 0) return <p>All runs did the same as the base.</p>;
  return (
    <table className={styles.places}>
      <caption>
        Where runs part from the base; the places that tell failed from good ones first
      </caption>
      <thead>
        <tr>
          <th scope="col">step of the base</th>
          <th scope="col">class</th>
          <th scope="col">failed</th>
          <th scope="col">good</th>
          <th scope="col">
            <span className="visually-hidden">shares</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {cohort.places.slice(0, SHOWN).map((place) => (
          <PlaceRow key={`${place.key} ${place.class}`} place={place} cohort={cohort} />
        ))}
      </tbody>
      {cohort.places.length > SHOWN ? (
        <tfoot>
          <tr>
            <td colSpan={5}>{count(cohort.places.length - SHOWN)} more places</td>
          </tr>
        </tfoot>
      ) : null}
    </table>
  );
}

function PlaceRow({ place, cohort }: { place: Place; cohort: Cohort }) {
  const { bad, good } = shares(place, cohort);
  const kind = KINDS.find((one) => one === place.kind.toUpperCase()) ?? "CUSTOM";
  return (
    <tr>
      <th scope="row">
        <span className={styles.step}>
          <KindMark kind={kind} />
          {place.seq === null ? null : <span className={styles.tag}>#{place.seq}</span>}
          <span className={styles.name}>{plainLine(place.name)}</span>
          {place.key.startsWith("behind ") ? <Chip>not in the base</Chip> : null}
        </span>
      </th>
      <td>{place.class}</td>
      <td className={styles.figure}>
        {place.rootBad}/{cohort.bad}
      </td>
      <td className={styles.figure}>
        {place.rootGood}/{cohort.good}
      </td>
      <td className={styles.picture} aria-hidden="true">
        <span className={styles.bar} data-is="bad" style={{ width: `${100 * bad}%` }} />
        <span className={styles.bar} data-is="good" style={{ width: `${100 * good}%` }} />
      </td>
    </tr>
  );
}

/** Each run, failed ones first, with the way to its comparison. */
function Runs({ base, cohort }: { base: string; cohort: Cohort }) {
  const sorted = [...cohort.runs].sort((one, other) => Number(one.good) - Number(other.good));
  return (
    <ul className={styles.runs} aria-label="Runs">
      {sorted.map((member) => (
        <li key={member.run} data-good={member.good}>
          <RunLine base={base} member={member} />
        </li>
      ))}
    </ul>
  );
}

function RunLine({ base, member }: { base: string; member: Member }) {
  return (
    <Link to="/diff/$pair" params={{ pair: `${base}...${member.run}` }} search={{}}>
      <span aria-hidden="true">{member.good ? "✓" : "✕"}</span>
      <span className="visually-hidden">{member.good ? "good" : "failed"}</span>
      <span className={styles.tag}>{runTag(member.run)}</span>
      <span>{member.status}</span>
      <span className={styles.parts}>
        {member.parts ? `parts at ${member.parts}` : "parts nowhere"}
      </span>
    </Link>
  );
}
