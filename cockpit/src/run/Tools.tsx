import type { RefObject } from "react";
import { count, plural } from "../format/count";
import type { RunStore } from "../runstore/store";
import { Button } from "../ui/Button";
import styles from "./Run.module.css";
import type { RunPageState } from "./useRunPage";

/** The line over the tree: filter, axis, following. */
export function Tools({
  store,
  page,
  filter,
}: {
  store: RunStore;
  page: RunPageState;
  filter: RefObject<HTMLInputElement | null>;
}) {
  const { search, axis, hits, actions } = page;
  const turn = () =>
    actions.change({ axis: axis === "time" ? "steps" : undefined, from: undefined, to: undefined });
  return (
    <>
      <input
        ref={filter}
        className={styles.filter}
        value={search.q ?? ""}
        placeholder="Filter steps: refund  kind:tool  error"
        aria-label="Filter steps"
        spellCheck={false}
        onChange={(event) => actions.change({ q: event.target.value || undefined })}
        onKeyDown={(event) => {
          if (event.key === "Escape" || event.key === "Enter") event.currentTarget.blur();
        }}
      />
      {hits ? <span className={styles.found}>{count(found(hits))} found</span> : null}
      <Button
        tone="quiet"
        hint="v"
        title="Tree or waterfall"
        onPress={() =>
          actions.change({ view: search.view === "waterfall" ? undefined : "waterfall" })
        }
      >
        {search.view ?? "tree"}
      </Button>
      <Button tone="quiet" hint="t" title="What the axis counts" onPress={turn}>
        {axis}
      </Button>
      {store.running ? <Live store={store} page={page} /> : null}
    </>
  );
}

function found(hits: Uint8Array): number {
  let sum = 0;
  for (const hit of hits) sum += hit;
  return sum;
}

function Live({ store, page }: { store: RunStore; page: RunPageState }) {
  const { following, actions } = page;
  const label = following
    ? "Following"
    : store.arrived
      ? `Live · ${plural(store.arrived, "new", "new")}`
      : "Live";
  return (
    <Button
      tone={following ? "accent" : "plain"}
      pressed={following}
      hint="l"
      onPress={actions.follow}
    >
      {label}
    </Button>
  );
}
