/** One open run: its facts and columns, loaded, then followed while it runs. No React in here. */

import { bulkQuery } from "../graphql/bulk";
import { type Failure, failureOf, isRecord, RequestFailed } from "../graphql/failure";
import { type Following, follow } from "../graphql/socket";
import { Columns } from "./columns";
import { arrived, type Coming, comingOf } from "./coming";
import {
  FIRST_PAINT,
  type FirstPaint,
  GAP_EVENTS,
  type GapEvents,
  NEXT_CHUNK,
  type RawChunk,
  RUN_EVENTS,
  RUN_FACTS,
  type RunEventsData,
  type RunFacts,
} from "./documents";
import { Feed, type FeedEvent, type GapMark } from "./feed";
import { buildTree, type Tree } from "./rows";
import { appendChunk, CHUNK_ROWS } from "./skeleton";

const GAP_PAGES = 50;
const PATIENCE_MS = 5_000;
const PATIENCE_STEP_MS = 25;
/** Facts of a run that began or ended come after its steps were drawn. */
const FACTS_AFTER_MS = 150;

export class RunStore {
  readonly runId: string;
  readonly columns = new Columns();
  /** Rises with everything a view may show. */
  version = 0;
  phase: "loading" | "coming" | "ready" | "failed" = "loading";
  failure: Failure | null = null;
  facts: RunFacts | null = null;
  /** Start of the run, ns since the epoch: the zero of all times in the columns. */
  origin = 0n;
  gaps: readonly GapMark[] = [];
  /** When the last batch came, as `performance.now()`, and how far the run then was, in ns. */
  #heardAt = 0;
  #heardNs = 0;
  /** What the columns held when they were loaded: the feed goes on from there. */
  #loadedHead = -1;
  #feed: Feed | null = null;
  #following: Following | null = null;
  #tree: Tree | null = null;
  #treeOf = -1;
  /** Rises with every change of the columns. */
  #changes = 0;
  #opening: Promise<void> | null = null;
  #stopped = false;
  #frame = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #listeners = new Set<() => void>();
  readonly #patient: boolean;
  #isOver = false;
  /** What was started here to make this run; null for a run that is there. */
  readonly coming: Coming | null;

  /** `patient`: a run that is about to begin is waited for, before it is said not to be there. */
  constructor(runId: string, patient = false) {
    this.runId = runId;
    this.#patient = patient;
    this.coming = comingOf(runId);
    if (!this.coming) return;
    this.facts = this.coming.facts;
    this.phase = "coming";
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Loads facts and columns; a running run is followed from the head of its skeleton on. */
  async open(): Promise<void> {
    this.#stopped = false;
    if (this.phase !== "coming") {
      this.#opening ??= this.#begin();
      await this.#opening;
    }
    if (this.running && !this.#following && !this.#stopped) this.#follow(this.head);
  }

  async #begin(): Promise<void> {
    try {
      await this.#load();
      this.phase = "ready";
      this.#changed();
    } catch (error) {
      this.#fail(error);
    }
  }

  close(): void {
    this.#stopped = true;
    this.#following?.stop();
    this.#following = null;
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
  }

  get running(): boolean {
    return this.facts?.status === "RUNNING";
  }

  /** Steps that arrived while it was followed. */
  get arrived(): number {
    return this.#feed?.arrived ?? 0;
  }

  get head(): number {
    return this.#feed?.head ?? this.#loadedHead;
  }

  /** How far the run is, in ns after its start; stands still once `frozen`. */
  elapsed(now: number, frozen: boolean): number {
    const facts = this.facts;
    if (facts?.durationNs != null) return Number(facts.durationNs);
    if (this.phase === "coming") return this.coming?.lastsNs ?? 0;
    return this.#heardNs + (frozen ? 0 : Math.max(0, now - this.#heardAt) * 1e6);
  }

  /** Links of the tree, rebuilt after every change of the columns. */
  tree(): Tree {
    if (!this.#tree || this.#treeOf !== this.#changes) {
      this.#tree = buildTree(this.columns);
      this.#treeOf = this.#changes;
    }
    return this.#tree;
  }

  async #load(): Promise<void> {
    const first = await this.#first();
    this.facts = first.run;
    this.origin = BigInt(first.run.startedNs);
    let chunk: RawChunk = first.skeleton;
    let head = Number(chunk.head);
    appendChunk(this.columns, { ...chunk, head }, this.origin);
    this.#changed();
    while (chunk.rows === CHUNK_ROWS && !this.#stopped) {
      const variables = { run: this.runId, chunk: chunk.chunk + 1 };
      chunk = (await bulkQuery<{ skeleton: RawChunk }>(NEXT_CHUNK, variables)).skeleton;
      head = Math.min(head, Number(chunk.head));
      appendChunk(this.columns, { ...chunk, head }, this.origin);
      this.#changed();
    }
    this.#heard();
    this.#loadedHead = head;
    if (first.run.gapCount > 0) void this.#loadGaps().catch(() => {});
  }

  async #first(): Promise<FirstPaint & { readonly run: RunFacts }> {
    for (let waited = 0; ; waited += PATIENCE_STEP_MS) {
      const found = await this.#ask();
      if (found) return found;
      if (!this.#patient || waited >= PATIENCE_MS || this.#stopped) throw notFound();
      await new Promise((resolve) => setTimeout(resolve, PATIENCE_STEP_MS));
    }
  }

  /** Null for a run that is not there. */
  async #ask(): Promise<(FirstPaint & { readonly run: RunFacts }) | null> {
    try {
      const { run, skeleton } = await bulkQuery<FirstPaint>(FIRST_PAINT, { run: this.runId });
      return run ? { run, skeleton } : null;
    } catch (error) {
      if (failureOf(error).code === "NOT_FOUND") return null;
      throw error;
    }
  }

  #heard(): void {
    this.#heardAt = performance.now();
    const { count, start, end } = this.columns;
    let latest = this.#heardNs;
    for (let row = Math.max(0, count - 512); row < count; row++) {
      latest = Math.max(latest, start[row] ?? 0, Number.isNaN(end[row]) ? 0 : (end[row] ?? 0));
    }
    this.#heardNs = latest;
  }

  #follow(head: number): void {
    const session = this.coming?.session ?? null;
    if (this.phase !== "coming") this.#feed ??= new Feed(this.columns, this.origin, head);
    this.#following = follow<RunEventsData>({
      operation: () => ({
        query: RUN_EVENTS,
        variables: { run: this.runId, after: String(this.head), session },
      }),
      onData: ({ runEvents: { events, status, startedNs } }) => {
        if (this.phase === "coming") this.#arrive(startedNs);
        if (this.#feed) this.#take(this.#feed, events);
        if (status !== "RUNNING") this.#over();
      },
      onEnd: () => {
        if (this.phase === "coming") this.#fail(notFound());
        else this.#over();
      },
    });
  }

  /** The run is there: its steps come with the feed, its facts are asked for. */
  #arrive(startedNs: string): void {
    arrived(this.runId);
    this.origin = BigInt(startedNs);
    this.#feed = new Feed(this.columns, this.origin, -1);
    this.phase = "ready";
    this.#soon();
  }

  /** Asks for the facts, with all that is known of the steps if the run is over by then. */
  #soon(): void {
    clearTimeout(this.#timer);
    const ask = () => (this.#isOver ? this.#settle() : this.#refresh());
    this.#timer = setTimeout(() => void ask(), FACTS_AFTER_MS);
  }

  async #refresh(): Promise<void> {
    try {
      const { run } = await bulkQuery<{ run: RunFacts | null }>(RUN_FACTS, { run: this.runId });
      // Facts that were asked for later are newer.
      if (run && !this.#isOver) this.facts = run;
    } catch {
      // They are asked for again once the run is over.
    }
    this.#changed();
  }

  #take(feed: Feed, events: readonly FeedEvent[]): void {
    if (feed.take(events)) this.#heard();
    if (feed.gaps.length) this.gaps = [...feed.gaps];
    this.#changed();
  }

  #fail(error: unknown): void {
    arrived(this.runId);
    this.phase = "failed";
    this.failure = failureOf(error);
    this.#changed();
  }

  #over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#soon();
  }

  /** Once the run is over: its status, totals and verdict, and all that is known of its steps now. */
  async #settle(): Promise<void> {
    const known = this.columns.count;
    try {
      const { run, skeleton } = await bulkQuery<FirstPaint>(FIRST_PAINT, { run: this.runId });
      if (run) this.facts = run;
      if (known <= skeleton.rows && skeleton.rows < CHUNK_ROWS && this.columns.count === known) {
        this.columns.count = 0;
        appendChunk(this.columns, { ...skeleton, head: Number(skeleton.head) }, this.origin);
      }
    } catch {
      // The page keeps what it has: what was followed is whole without these.
    }
    this.#changed();
  }

  async #loadGaps(): Promise<void> {
    const found: GapMark[] = [];
    let after: string | null = null;
    for (let page = 0; page < GAP_PAGES; page++) {
      const answer: GapEvents = await bulkQuery<GapEvents>(GAP_EVENTS, { run: this.runId, after });
      if (!answer.run) return;
      const { nodes, pageInfo } = answer.run.events;
      for (const { seq, event } of nodes) {
        if (isRecord(event) && event.event_type === "gap") {
          found.push({
            seq: Number(seq),
            count: Number(event.count),
            reason: String(event.reason),
          });
        }
      }
      if (found.length >= (this.facts?.gapCount ?? 0) || !pageInfo.hasNextPage) break;
      after = pageInfo.endCursor;
    }
    this.gaps = found;
    this.#changed();
  }

  /** Tells the views, at most once a frame; a hidden page has no frames and is told at once. */
  #changed(): void {
    this.#changes++;
    if (this.#stopped) return;
    const tell = () => {
      this.#frame = 0;
      this.version++;
      for (const listener of this.#listeners) listener();
    };
    if (document.hidden) tell();
    else if (!this.#frame) this.#frame = requestAnimationFrame(tell);
  }
}

function notFound(): RequestFailed {
  const message = "There is no such run, or it is not yours.";
  return new RequestFailed({ code: "NOT_FOUND", message, errorId: null });
}
