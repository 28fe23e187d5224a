/** The commands of the run page. */

import type { RefObject } from "react";
import { type Command, useCommands } from "../commands/registry";
import { client } from "../graphql/client";
import { StepSources } from "../inspector/documents";
import { Flag } from "../runstore/columns";
import type { RunStore } from "../runstore/store";
import type { TimelineHandle } from "../timeline/Timeline";
import { stepFrom } from "./lines";

export interface RunKeys {
  readonly store: RunStore;
  readonly lines: Int32Array;
  readonly selected: number;
  readonly folded: ReadonlySet<number>;
  readonly axis: "time" | "steps";
  readonly waterfall: boolean;
  readonly timeline: RefObject<TimelineHandle | null>;
  readonly filter: RefObject<HTMLInputElement | null>;
  readonly select: (row: number, push?: boolean) => void;
  readonly fold: (row: number) => void;
  readonly follow: () => void;
  readonly change: (next: Record<string, unknown>) => void;
  readonly replay: () => void;
  /** Null while no step is chosen. */
  readonly fork: (() => void) | null;
  /** Null for a run that replays no other. */
  readonly compare: (() => void) | null;
}

export function useRunKeys(keys: RunKeys): void {
  const { store, compare, fork } = keys;
  useCommands([
    ...moving(keys),
    ...folding(keys),
    ...looking(keys),
    ...hopping(keys),
    ...tabs(keys),
    {
      id: "run.follow",
      group: "Run",
      title: "Follow the live run",
      keys: ["l", "End"],
      unavailable: store.running ? null : "the run is over",
      run: keys.follow,
    },
    {
      id: "run.diff",
      group: "Run",
      title: "Compare with its recording",
      keys: ["c"],
      unavailable: compare ? null : "it replays no other run; select two in the run list",
      run: () => compare?.(),
    },
    {
      id: "run.replay",
      group: "Run",
      title: "Replay it exactly",
      keys: ["r"],
      unavailable: store.running ? "the run is not over" : null,
      run: keys.replay,
    },
    {
      id: "run.fork",
      group: "Run",
      title: "Fork at the chosen step",
      keys: ["f"],
      unavailable: fork ? null : "no step is chosen",
      run: () => fork?.(),
    },
    {
      id: "run.copy-command",
      group: "Run",
      title: "Copy the command that replays it",
      keys: ["Shift+Y"],
      run: () => void navigator.clipboard.writeText(`forkpoint replay ${store.runId}`),
    },
  ]);
}

function moving({ lines, selected, select, store }: RunKeys): Command[] {
  const at = lines.indexOf(selected);
  const line = (to: number) => select(lines[to] ?? -1, false);
  const sibling = (by: 1 | -1) => {
    const tree = store.tree();
    const parent = tree.parent[selected] ?? -1;
    for (let to = at + by; to >= 0 && to < lines.length; to += by) {
      const row = lines[to] ?? -1;
      if (row >= 0 && tree.parent[row] === parent) return line(to);
    }
  };
  const failed = (by: 1 | -1) => {
    const { flags, count } = store.columns;
    for (let row = selected + by; row >= 0 && row < count; row += by) {
      if ((flags[row] ?? 0) & Flag.error) return select(row, false);
    }
  };
  return [
    {
      id: "step.next",
      group: "Steps",
      title: "Next step",
      keys: ["j", "ArrowDown"],
      run: () => line(stepFrom(lines, at, 1)),
    },
    {
      id: "step.previous",
      group: "Steps",
      title: "Previous step",
      keys: ["k", "ArrowUp"],
      run: () => line(stepFrom(lines, Math.max(at, 1), -1)),
    },
    {
      id: "step.next-sibling",
      group: "Steps",
      title: "Next sibling",
      keys: ["Shift+J"],
      run: () => sibling(1),
    },
    {
      id: "step.previous-sibling",
      group: "Steps",
      title: "Previous sibling",
      keys: ["Shift+K"],
      run: () => sibling(-1),
    },
    {
      id: "step.next-error",
      group: "Steps",
      title: "Next error",
      keys: ["n"],
      run: () => failed(1),
    },
    {
      id: "step.previous-error",
      group: "Steps",
      title: "Previous error",
      keys: ["Shift+N"],
      run: () => failed(-1),
    },
  ];
}

function folding({ store, selected, folded, select, fold }: RunKeys): Command[] {
  const tree = store.tree();
  const child = tree.firstChild[selected] ?? -1;
  const parent = tree.parent[selected] ?? -1;
  return [
    {
      id: "step.close",
      group: "Steps",
      title: "Fold, or to the parent",
      keys: ["ArrowLeft"],
      run: () => (child >= 0 && !folded.has(selected) ? fold(selected) : select(parent, false)),
    },
    {
      id: "step.open",
      group: "Steps",
      title: "Unfold, or to the first child",
      keys: ["ArrowRight"],
      run: () => (folded.has(selected) ? fold(selected) : select(child, false)),
    },
    {
      id: "step.parent",
      group: "Steps",
      title: "To the parent",
      keys: ["Escape"],
      unavailable: parent >= 0 ? null : "this step stands at the top",
      run: () => select(parent, false),
    },
  ];
}

function looking({ timeline, filter, selected, axis, waterfall, change }: RunKeys): Command[] {
  const look = (id: string, title: string, keys: string[], run: () => void): Command => ({
    id,
    group: "Timeline",
    title,
    keys,
    run,
  });
  return [
    look("zoom.in", "Zoom in", ["@KeyW"], () => timeline.current?.zoomBy(0.6)),
    look("zoom.out", "Zoom out", ["@KeyS"], () => timeline.current?.zoomBy(1 / 0.6)),
    look("pan.left", "Pan left", ["@KeyA"], () => timeline.current?.panBy(-0.2)),
    look("pan.right", "Pan right", ["@KeyD"], () => timeline.current?.panBy(0.2)),
    look("fit.step", "Fit the step", ["z"], () => timeline.current?.fitRow(selected)),
    look("fit.run", "Fit the run", ["0"], () => timeline.current?.showAll()),
    look("axis", "Axis: time or steps", ["t"], () =>
      change({ axis: axis === "time" ? "steps" : undefined, from: undefined, to: undefined }),
    ),
    look("view", "Tree or waterfall", ["v"], () =>
      change({ view: waterfall ? undefined : "waterfall" }),
    ),
    look("search", "Filter steps", ["/"], () => filter.current?.focus()),
  ];
}

/** Along the flow of data: to a step whose output came in here, to one that used the output. */
function hopping({ store, selected, select }: RunKeys): Command[] {
  const sequence = store.columns.sequence[selected];
  const hop = async (way: "sources" | "usedBy") => {
    const variables = { run: store.runId, sequence: String(sequence) };
    const { data } = await client.query(StepSources, variables).toPromise();
    const numbers = data?.run?.step?.[way].map(({ step }) => Number(step.sequence)) ?? [];
    const next = way === "sources" ? Math.max(-1, ...numbers) : Math.min(...numbers);
    select(store.columns.rowOf(next));
  };
  const none = sequence === undefined ? "no step is chosen" : null;
  return [
    {
      id: "hop.source",
      group: "Steps",
      title: "To a source of this step",
      keys: ["["],
      unavailable: none,
      run: () => void hop("sources"),
    },
    {
      id: "hop.use",
      group: "Steps",
      title: "To a step that used it",
      keys: ["]"],
      unavailable: none,
      run: () => void hop("usedBy"),
    },
  ];
}

function tabs({ change }: RunKeys): Command[] {
  return Array.from({ length: 9 }, (_, at) => ({
    id: `tab.${at + 1}`,
    group: "Inspector",
    title: at === 0 ? "Tab 1, and so on to 9" : `Tab ${at + 1}`,
    unlisted: at > 0,
    keys: [String(at + 1)],
    run: () => {
      const tab = document
        .querySelectorAll<HTMLElement>('[role="tab"]')
        [at]?.id.replace("tab-", "");
      if (tab) change({ tab: tab === "summary" ? undefined : tab });
    },
  }));
}
