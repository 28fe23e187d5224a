/** Keys of the diff page, as commands. */

import { type Command, useCommands } from "../commands/registry";
import { tabsOf } from "./Pair";
import type { Pair } from "./usePair";

export interface DiffKeys {
  readonly move: (by: 1 | -1) => void;
  readonly change: (by: 1 | -1) => void;
  readonly toFirst: () => void;
  readonly toggleOnly: () => void;
  readonly toggleFolds: () => void;
  readonly openOrUnfold: () => void;
  readonly close: () => void;
  readonly tab: (id: string) => void;
  readonly swap: () => void;
  readonly verify: () => void;
  /** Why no cause can be verified; null when one can. */
  readonly unverifiable: string | null;
  readonly differs: boolean;
  readonly open: boolean;
  readonly pair: Pair | null;
}

export function useDiffKeys(keys: DiffKeys): void {
  const nothing = keys.differs ? null : "nothing differs";
  const closed = keys.open ? null : "no pair is open";
  const tabs = keys.pair ? tabsOf(keys.pair) : [];
  const command = (
    id: string,
    title: string,
    bound: readonly string[],
    run: () => void,
    unavailable: string | null = null,
  ): Command => ({ id, group: "Diff", title, keys: bound, run, unavailable });
  useCommands([
    command("diff.next", "Next row", ["j", "ArrowDown"], () => keys.move(1)),
    command("diff.previous", "Previous row", ["k", "ArrowUp"], () => keys.move(-1)),
    command("diff.change", "Next change", ["n"], () => keys.change(1), nothing),
    command("diff.change.back", "Previous change", ["Shift+N"], () => keys.change(-1), nothing),
    command("diff.first", "First divergence", ["x"], keys.toFirst, nothing),
    command("diff.only", "Only changes, or all rows", ["o"], keys.toggleOnly, nothing),
    command("diff.unfold", "Unfold all equal steps, or fold them", ["u"], keys.toggleFolds),
    command("diff.open", "Open the pair, or unfold", ["Enter", "ArrowRight"], keys.openOrUnfold),
    command("diff.close", "Close the pair", ["Escape"], keys.close, closed),
    command("diff.verify", "Verify causes by replays", ["v"], keys.verify, keys.unverifiable),
    command("diff.swap", "Swap the two runs", [], keys.swap),
    ...tabs.map(({ id, label }, at) =>
      command(`diff.tab.${at}`, `Tab: ${label}`, [`${at + 1}`], () => keys.tab(id), closed),
    ),
  ]);
}
