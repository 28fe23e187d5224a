import { Button } from "../ui/Button";
import styles from "./Header.module.css";
import type { ReplayStart } from "./useReplayStart";

/** What can be done with the run from here. */
export function Actions({
  replay,
  onFork,
  onCompare,
}: {
  replay: ReplayStart;
  /** Null while no step is chosen. */
  onFork: (() => void) | null;
  /** Null for a run that replays no other. */
  onCompare: (() => void) | null;
}) {
  return (
    <span className={styles.actions}>
      <Button
        hint="r"
        title="Replay it exactly: every answer from the recording"
        disabled={replay.busy}
        onPress={replay.start}
      >
        Replay
      </Button>
      <Button
        hint="f"
        title="Fork at the chosen step"
        disabled={onFork === null}
        onPress={() => onFork?.()}
      >
        Fork
      </Button>
      {onCompare ? (
        <Button hint="c" title="Compare with its recording" onPress={onCompare}>
          Compare
        </Button>
      ) : null}
    </span>
  );
}
