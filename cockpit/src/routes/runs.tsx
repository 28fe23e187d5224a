import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useMemo, useRef, useState } from "react";
import { useQuery } from "urql";
import { useCommands } from "../commands/registry";
import { count, plural } from "../format/count";
import type { RunOrder } from "../graphql/generated/graphql";
import { RunsStrip } from "../runs/documents";
import { FilterLine } from "../runs/FilterLine";
import { parseQuery, withToken } from "../runs/query";
import styles from "../runs/Runs.module.css";
import { RunTable } from "../runs/RunTable";
import { Strip } from "../runs/Strip";
import { type RunRow, useRuns } from "../runs/useRuns";
import { Button } from "../ui/Button";
import { Frame } from "../ui/Frame";
import { usePreference } from "../ui/preferences";
import { Empty, Failed, Skeleton } from "../ui/State";

const SORTS: readonly (readonly [RunOrder, string])[] = [
  ["STARTED_DESC", "newest first"],
  ["STARTED_ASC", "oldest first"],
  ["DURATION_DESC", "longest first"],
  ["COST_DESC", "dearest first"],
  ["NAME_ASC", "by name"],
];

/** The run list: filter, figures, virtual rows. */
export function RunsRoute() {
  const search = useSearch({ from: "/runs" });
  const navigate = useNavigate({ from: "/runs" });
  const line = search.q ?? "";
  const query = useMemo(() => parseQuery(line, Date.now()), [line]);
  const sort = search.sort ?? "STARTED_DESC";
  const { list, failure, loadMore, reload } = useRuns(query.filter, sort);
  const [stats] = useQuery({ query: RunsStrip, variables: { filter: query.filter } });
  const field = useRef<HTMLInputElement>(null);
  const setLine = useCallback(
    (q: string) =>
      void navigate({ search: (old) => ({ ...old, q: q || undefined }), replace: true }),
    [navigate],
  );
  const { cursor, setCursor, selected, toggle, open } = useRunKeys(list.runs, field);
  const rowHeight = usePreference("density") === "dense" ? 24 : 28;
  const days = stats.data?.runStats ?? [];
  return (
    <Frame
      crumbs={<h1 className={styles.title}>Runs</h1>}
      status={
        <>
          <span>
            {list.state === "ready" ? `${count(list.runs.length)} of ${count(list.total)}` : "…"}
          </span>
          {selected.size ? <span>{plural(selected.size, "run")} selected</span> : null}
          <span className={styles.hints}>
            ↵ open · space select · c compare two · / filter · ? keys
          </span>
        </>
      }
    >
      <div className={styles.tools}>
        <FilterLine
          line={line}
          query={query}
          field={field}
          onChange={setLine}
          onLeave={() => field.current?.blur()}
        />
        {line ? (
          <Button tone="quiet" onPress={() => setLine("")}>
            clear
          </Button>
        ) : null}
        <select
          className={styles.sort}
          aria-label="Order"
          value={sort}
          onChange={(event) => {
            const next = SORTS.find(([order]) => order === event.target.value)?.[0];
            void navigate({ search: (old) => ({ ...old, sort: next }), replace: true });
          }}
        >
          {SORTS.map(([order, label]) => (
            <option key={order} value={order}>
              {label}
            </option>
          ))}
        </select>
        {list.waiting.size ? (
          <Button
            tone="accent"
            onPress={reload}
          >{`↻ ${plural(list.waiting.size, "new run")}`}</Button>
        ) : null}
      </div>
      {days.length ? (
        <Strip days={days} onDay={(day) => setLine(withToken(line, "since", day))} />
      ) : null}
      {failure && list.runs.length === 0 ? (
        <Failed failure={failure} onRetry={reload} />
      ) : list.state === "loading" && list.runs.length === 0 ? (
        <Skeleton rows={16} label="Loading runs" />
      ) : list.runs.length === 0 ? (
        <NoRuns filtered={line !== ""} />
      ) : (
        <RunTable
          runs={list.runs}
          stale={list.state === "loading"}
          cursor={cursor}
          selected={selected}
          rowHeight={rowHeight}
          onOpen={open}
          onCursor={setCursor}
          onSelect={toggle}
          onNearEnd={loadMore}
        />
      )}
    </Frame>
  );
}

function NoRuns({ filtered }: { filtered: boolean }) {
  return filtered ? (
    <Empty title="No run fits this filter" text="Take a word away, or clear the line." />
  ) : (
    <Empty
      title="No runs yet"
      text="Recorded runs appear here the moment their first event arrives. Record one:"
      command="forkpoint capture -- python agent.py"
    />
  );
}

function useRunKeys(runs: readonly RunRow[], field: React.RefObject<HTMLInputElement | null>) {
  const navigate = useNavigate();
  const [cursor, setCursor] = useState(-1);
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const toggle = (run: RunRow) => {
    const next = new Set(selected);
    if (!next.delete(run.id)) next.add(run.id);
    setSelected(next);
  };
  const open = (run: RunRow) => {
    const base = run.origin ? { base: run.origin.runId } : {};
    void navigate({ to: "/runs/$run", params: { run: run.id }, search: base });
  };
  const move = (by: number) =>
    setCursor(Math.max(0, Math.min(runs.length - 1, cursor < 0 ? 0 : cursor + by)));
  const current = runs[cursor];
  const [a, b] = selected;
  useCommands([
    {
      id: "run.next",
      group: "Runs",
      title: "Next run",
      keys: ["j", "ArrowDown"],
      run: () => move(1),
    },
    {
      id: "run.previous",
      group: "Runs",
      title: "Previous run",
      keys: ["k", "ArrowUp"],
      run: () => move(-1),
    },
    {
      id: "run.open",
      group: "Runs",
      title: "Open the run",
      keys: ["Enter"],
      unavailable: current ? null : "no run is chosen",
      run: () => current && open(current),
    },
    {
      id: "run.select",
      group: "Runs",
      title: "Select the run",
      keys: [" "],
      unavailable: current ? null : "no run is chosen",
      run: () => current && toggle(current),
    },
    {
      id: "run.compare",
      group: "Runs",
      title: "Compare two runs",
      keys: ["c"],
      unavailable: selected.size === 2 ? null : "select two runs first",
      run: () =>
        a && b && void navigate({ to: "/diff/$pair", params: { pair: `${a}...${b}` }, search: {} }),
    },
    {
      id: "search",
      group: "Runs",
      title: "Filter runs",
      keys: ["/"],
      run: () => field.current?.focus(),
    },
  ]);
  return { cursor, setCursor, selected, toggle, open };
}
