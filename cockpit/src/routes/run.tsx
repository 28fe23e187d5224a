import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { type RefObject, useEffect, useRef } from "react";
import { Inspector } from "../inspector/Inspector";
import { Actions } from "../run/Actions";
import { ComingHeader, Header } from "../run/Header";
import { Panes } from "../run/Panes";
import { ReplayBar } from "../run/ReplayBar";
import styles from "../run/Run.module.css";
import { StatusLine } from "../run/StatusLine";
import { Tools } from "../run/Tools";
import { type Span, Tree } from "../run/Tree";
import { totalsOf } from "../run/totals";
import { useReplayStart } from "../run/useReplayStart";
import { useRunKeys } from "../run/useRunKeys";
import { firstDiverged, laneCount, type RunPageState, useRunPage } from "../run/useRunPage";
import { Flag } from "../runstore/columns";
import type { RunFacts } from "../runstore/documents";
import type { RunStore } from "../runstore/store";
import { useRunStore } from "../runstore/useRunStore";
import { endOf, startOf } from "../timeline/bars";
import { Timeline, type TimelineHandle } from "../timeline/Timeline";
import { Frame } from "../ui/Frame";
import { usePreference } from "../ui/preferences";
import { Empty, Failed, Skeleton } from "../ui/State";

/** A run, or one step of it: both routes are this page, so moving between them keeps everything. */
export function RunRoute() {
  const { run } = useParams({ from: "/runs/$run" });
  const { follow } = useSearch({ from: "/runs/$run" });
  const store = useRunStore(run, follow === 1);
  const failed = store.phase === "failed";
  const navigate = useNavigate();
  useEffect(() => {
    // A replay that ended without a run says why on the page of its session.
    if (!failed || !store.coming) return;
    const params = { session: store.coming.session };
    void navigate({ to: "/replays/$session", params, search: {}, replace: true });
  }, [failed, store, navigate]);
  if (failed && store.failure && !store.coming) {
    return (
      <Frame crumbs="Run" status={null}>
        <Failed failure={store.failure} onRetry={() => window.location.reload()} />
      </Frame>
    );
  }
  return store.facts ? (
    <RunPage key={run} store={store} facts={store.facts} />
  ) : (
    <Frame crumbs="Run" status={null}>
      <Skeleton rows={18} label="Loading run" />
    </Frame>
  );
}

function RunPage({ store, facts }: { store: RunStore; facts: RunFacts }) {
  const page = useRunPage(store);
  const timeline = useRef<TimelineHandle>(null);
  const filter = useRef<HTMLInputElement>(null);
  const { selected, lines, folded, base, axis, lost, rows, recording } = page;
  const waterfall = page.search.view === "waterfall";
  const replay = useReplayStart(facts);
  const fork = useFork(store, selected);
  const compare = useCompare(store.runId, base);
  useRunKeys({
    replay: replay.start,
    fork,
    compare,
    waterfall,
    store,
    lines,
    selected,
    folded,
    axis,
    timeline,
    filter,
    ...page.actions,
  });
  const elapsed = store.elapsed(performance.now(), lost);
  const coming = store.phase === "coming";
  return (
    <Frame
      crumbs={
        coming ? (
          <ComingHeader facts={facts} />
        ) : (
          <Header facts={facts} totals={totalsOf(store)} elapsed={elapsed} />
        )
      }
      actions={<Actions replay={replay} onFork={fork} onCompare={compare} />}
      status={
        coming ? (
          <span>nothing is replayed yet</span>
        ) : (
          <StatusLine
            store={store}
            selected={selected}
            place={selected + 1}
            shown={rows.length}
            lost={lost}
          />
        )
      }
    >
      {lost ? (
        <p className={styles.banner} role="alert">
          The connection was lost. Open steps stand still; the view goes on where it stopped once it
          is back.
        </p>
      ) : null}
      {replay.trouble ? (
        <p className={styles.banner} role="alert">
          {replay.trouble}
        </p>
      ) : null}
      {base ? (
        <ReplayBar
          facts={facts}
          base={base}
          recorded={recording?.phase === "ready" ? recording.columns.count : null}
          steps={store.columns.count}
          diverged={firstDiverged(store)}
        />
      ) : null}
      {store.columns.count === 0 && !(base && store.running) ? (
        <Empty title="No steps yet" text="They appear here the moment they are recorded." />
      ) : (
        <Body store={store} page={page} timeline={timeline} filter={filter} />
      )}
    </Frame>
  );
}

/** To the composer at the chosen step; null while none is chosen. */
function useFork(store: RunStore, selected: number): (() => void) | null {
  const navigate = useNavigate();
  const step = store.columns.sequence[selected];
  if (step === undefined) return null;
  const params = { run: store.runId, step: String(step) };
  return () => void navigate({ to: "/runs/$run/fork/$step", params, search: {} });
}

/** To the comparison with the recording; null for a run that replays no other. */
function useCompare(run: string, base: string | null): (() => void) | null {
  const navigate = useNavigate();
  if (base === null) return null;
  const params = { pair: `${base}...${run}` };
  return () => void navigate({ to: "/diff/$pair", params, search: {} });
}

/** The window of the timeline once it rests, for the bars of the waterfall. */
function spanOf(store: RunStore, { axis, view, lost }: RunPageState): Span {
  const now = store.elapsed(performance.now(), lost);
  const whole = axis === "steps" ? store.columns.count : now;
  const extents = { columns: store.columns, spanEnd: store.tree().spanEnd, axis, now };
  return {
    ...(view ?? { from: 0, to: Math.max(1, whole) }),
    startOf: (row) => startOf(extents, row),
    endOf: (row) => endOf(extents, row),
  };
}

function Body({
  store,
  page,
  timeline,
  filter,
}: {
  store: RunStore;
  page: RunPageState;
  timeline: RefObject<TimelineHandle | null>;
  filter: RefObject<HTMLInputElement | null>;
}) {
  const { selected, actions, following, lost, hits, axis } = page;
  const { columns } = store;
  const rowHeight = usePreference("density") === "dense" ? 24 : 28;
  const lanes = laneCount(store);
  const open = ((columns.flags[selected] ?? 0) & Flag.running) !== 0;
  return (
    <Panes
      lanes={lanes}
      timeline={(height) => (
        <Timeline
          ref={timeline}
          store={store}
          recording={page.recording}
          axis={axis}
          selected={selected}
          hits={hits}
          following={following}
          frozen={lost}
          view={page.view}
          lanes={lanes}
          height={height}
          onSelect={actions.select}
          onRest={actions.rest}
          onLeave={() => {
            if (following) actions.select(selected, false);
          }}
        />
      )}
      tools={<Tools store={store} page={page} filter={filter} />}
      tree={
        columns.count === 0 ? (
          <Skeleton rows={18} label="Waiting for the first step" />
        ) : (
          <Tree
            store={store}
            lines={page.lines}
            folded={page.folded}
            hits={hits}
            selected={selected}
            rowHeight={rowHeight}
            following={following}
            window={page.search.view === "waterfall" ? spanOf(store, page) : null}
            agreement={page.agreement}
            onSelect={actions.select}
            onFold={actions.fold}
          />
        )
      }
      inspector={
        store.phase === "coming" ? null : (
          <Inspector
            run={store.runId}
            sequence={selected < 0 ? null : (columns.sequence[selected] ?? null)}
            ended={selected >= 0 && !open}
            tab={page.search.tab}
            onTab={(tab) => actions.change({ tab: tab === "summary" ? undefined : tab })}
          />
        )
      }
    />
  );
}
