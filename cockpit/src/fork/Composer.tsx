import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useCommands } from "../commands/registry";
import { client } from "../graphql/client";
import { failureOf } from "../graphql/failure";
import { replayCommand } from "../replay/command";
import { StartReplay } from "../replay/documents";
import type { RunStore } from "../runstore/store";
import styles from "./Composer.module.css";
import { Edits } from "./Edits";
import { PlanCard } from "./PlanCard";
import { Presets } from "./Presets";
import { type Settings, useComposer } from "./useComposer";
import { Where } from "./Where";

/** Where to leave the recording, with which changes, under which policy, and what that would do. */
export function Composer({
  store,
  row,
  start,
}: {
  store: RunStore;
  row: number;
  start: Partial<Settings>;
}) {
  const composing = useComposer(store, row, start);
  const { planning, settings, read, step } = composing;
  const launch = useLaunch(composing.input);
  const ready = planning.current && planning.plan !== null && planning.plan.refusals.length === 0;
  useCommands([
    {
      id: "fork.launch",
      group: "Fork",
      title: "Launch the fork",
      keys: ["Mod+Enter"],
      unavailable: ready ? null : "there is no plan that could be launched",
      run: launch.go,
    },
  ]);
  const parts = {
    run: store.runId,
    at: step?.key ?? null,
    edits: read.edits,
    mode: settings.preset === "exact" ? "exact" : null,
    policy: settings.preset !== "exact",
    host: true,
  };
  const command = settings.resumes ? null : replayCommand(parts);
  return (
    <div className={styles.composer}>
      <Where store={store} row={row} composing={composing} />
      <div className={styles.middle}>
        <Edits composing={composing} />
        <Presets composing={composing} />
      </div>
      <PlanCard
        composing={composing}
        command={command}
        launching={launch.busy}
        trouble={launch.trouble}
        onLaunch={launch.go}
      />
    </div>
  );
}

function useLaunch(input: ReturnType<typeof useComposer>["input"]) {
  const navigate = useNavigate();
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState<string | null>(null);
  const go = () => {
    if (!input || busy) return;
    setBusy(true);
    setTrouble(null);
    void client
      .mutation(StartReplay, { input: { ...input, clientId: crypto.randomUUID() } })
      .toPromise()
      .then(({ data, error }) => {
        setBusy(false);
        const [first, ...others] = data?.startReplay.sessions ?? [];
        if (error || !first) return setTrouble(failureOf(error).message);
        void navigate({
          to: "/replays/$session",
          params: { session: first.id },
          search: { with: others.map(({ id }) => id).join(".") || undefined },
        });
      });
  };
  return { go, busy, trouble };
}
