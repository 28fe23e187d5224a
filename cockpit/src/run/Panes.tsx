import { type ReactNode, useState } from "react";
import { AXIS, LANE } from "../timeline/canvas2d";
import { Splitter } from "../ui/Splitter";
import styles from "./Run.module.css";

const TREE_WIDTH = "forkpoint.tree-width";
const LANES_HEIGHT = "forkpoint.lanes-height";
const LEAST_LANES = AXIS + LANE * 2 + 8;

function remembered(name: string): number | null {
  const value = Number(localStorage.getItem(name));
  return Number.isFinite(value) && value > 0 ? value : null;
}

/** Timeline above; tree and inspector below it, side by side from 1,100 px on. Sizes are remembered. */
export function Panes({
  lanes,
  timeline,
  tools,
  tree,
  inspector,
}: {
  lanes: number;
  timeline: (height: number) => ReactNode;
  tools: ReactNode;
  tree: ReactNode;
  inspector: ReactNode;
}) {
  const [treeWidth, setTreeWidth] = useState(() => remembered(TREE_WIDTH) ?? 560);
  const [asked, setAsked] = useState(() => remembered(LANES_HEIGHT));
  const needed = AXIS + lanes * LANE + 10;
  const most = Math.max(LEAST_LANES, Math.round(window.innerHeight * 0.5));
  const height =
    asked ?? Math.min(needed, Math.max(LEAST_LANES, Math.round(window.innerHeight * 0.3)));
  const keep = (name: string, set: (value: number) => void) => (value: number) => {
    localStorage.setItem(name, String(value));
    set(value);
  };
  return (
    <div className={styles.panes}>
      {timeline(height)}
      <Splitter
        label="Height of the timeline"
        direction="row"
        value={height}
        least={LEAST_LANES}
        most={most}
        onChange={keep(LANES_HEIGHT, setAsked)}
      />
      <div className={styles.lower}>
        <div
          className={styles.left}
          style={{ "--tree-width": `${treeWidth}px` } as React.CSSProperties}
        >
          <div className={styles.tools}>{tools}</div>
          {tree}
        </div>
        <Splitter
          label="Width of the tree"
          direction="column"
          value={treeWidth}
          least={320}
          most={1_200}
          onChange={keep(TREE_WIDTH, setTreeWidth)}
        />
        <div className={styles.right}>{inspector}</div>
      </div>
    </div>
  );
}
