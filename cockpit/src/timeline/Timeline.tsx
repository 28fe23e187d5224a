import { forwardRef, useEffect, useImperativeHandle, useRef, useState } from "react";
import { money, plural, tokens } from "../format/count";
import { duration } from "../format/duration";
import { plainLine } from "../format/visible";
import { Flag, kindName, modeOf } from "../runstore/columns";
import type { RunStore } from "../runstore/store";
import { onPreference } from "../ui/preferences";
import { type Inputs, Renderer } from "./renderer";
import styles from "./Timeline.module.css";
import type { View } from "./view";

export interface TimelineHandle {
  zoomBy(factor: number): void;
  panBy(share: number): void;
  showAll(): void;
  fitRow(row: number): void;
}

export interface TimelineProps extends Inputs {
  readonly view: View | null;
  readonly lanes: number;
  readonly height: number;
  readonly onSelect: (row: number) => void;
  readonly onRest: (view: View | null) => void;
  readonly onLeave: () => void;
}

/** The only place where the timeline meets React: two canvases and their events. */
export const Timeline = forwardRef<TimelineHandle, TimelineProps>(function Timeline(props, handle) {
  const lanes = useRef<HTMLCanvasElement>(null);
  const map = useRef<HTMLCanvasElement>(null);
  const renderer = useRef<Renderer | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const [hover, setHover] = useState<{ row: number; x: number; y: number } | null>(null);

  useEffect(() => {
    if (!lanes.current || !map.current) return;
    const own = new Renderer(lanes.current, map.current, {
      onSelect: (row) => latest.current.onSelect(row),
      onRest: (view) => latest.current.onRest(view),
      onLeave: () => latest.current.onLeave(),
      onHover: (row, x, y) => setHover(row < 0 ? null : { row, x, y }),
    });
    renderer.current = own;
    const stop = listen(own, lanes.current, map.current, latest);
    own.set(latest.current, latest.current.view);
    return () => {
      stop();
      own.dispose();
    };
  }, []);
  useEffect(() => renderer.current?.set(props, props.view));
  useImperativeHandle(handle, () => ({
    zoomBy: (factor) => renderer.current?.zoomBy(factor),
    panBy: (share) => renderer.current?.panBy(share),
    showAll: () => renderer.current?.showAll(),
    fitRow: (row) => renderer.current?.fitRow(row),
  }));

  return (
    <div className={styles.timeline}>
      <canvas
        ref={map}
        className={styles.map}
        role="img"
        aria-label="The whole run; the box is the window below"
      />
      <div className={styles.lanes} style={{ height: props.height }}>
        <canvas
          ref={lanes}
          role="img"
          aria-label={summary(props.store)}
          className={styles.canvas}
        />
        {hover ? <Tip store={props.store} {...hover} /> : null}
      </div>
    </div>
  );
});

type Latest = React.RefObject<TimelineProps>;

function listen(own: Renderer, lanes: HTMLCanvasElement, map: HTMLCanvasElement, latest: Latest) {
  const undo = new AbortController();
  const { signal } = undo;
  const point = (event: PointerEvent | MouseEvent | WheelEvent, on: HTMLElement) => {
    const box = on.getBoundingClientRect();
    return {
      x: event.clientX - box.left,
      y: event.clientY - box.top,
      share: (event.clientX - box.left) / box.width,
    };
  };
  let drag: { x: number; moved: boolean } | null = null;
  lanes.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const { share } = point(event, lanes);
      if (event.ctrlKey || event.metaKey) return own.zoomBy(1.0015 ** event.deltaY, share);
      const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
      if (sideways !== 0) return own.panBy(sideways / lanes.clientWidth);
      if (own.overflows(latest.current.lanes)) own.scrollBy(event.deltaY, latest.current.lanes);
      else own.panBy(event.deltaY / lanes.clientWidth);
    },
    { passive: false, signal },
  );
  lanes.addEventListener(
    "pointerdown",
    (event) => {
      drag = { x: event.clientX, moved: false };
      lanes.setPointerCapture(event.pointerId);
    },
    { signal },
  );
  lanes.addEventListener(
    "pointermove",
    (event) => {
      if (!drag) {
        const { x, y } = point(event, lanes);
        return own.hover(x, y);
      }
      const by = event.clientX - drag.x;
      if (!drag.moved && Math.abs(by) < 4) return;
      own.panBy(-by / lanes.clientWidth);
      drag = { x: event.clientX, moved: true };
    },
    { signal },
  );
  lanes.addEventListener(
    "pointerup",
    (event) => {
      const { x, y } = point(event, lanes);
      if (drag && !drag.moved) own.press(x, y);
      drag = null;
    },
    { signal },
  );
  lanes.addEventListener("pointerleave", () => own.hover(-99, -99), { signal });
  lanes.addEventListener(
    "dblclick",
    (event) => {
      const { x, y } = point(event, lanes);
      const row = own.rowAt(x, y);
      if (row < 0) own.showAll();
      else own.fitRow(row);
    },
    { signal },
  );
  const slide = (event: PointerEvent) => {
    if (event.buttons & 1) own.panTo(point(event, map).share);
  };
  map.addEventListener("pointerdown", slide, { signal });
  map.addEventListener("pointermove", slide, { signal });
  map.addEventListener("dblclick", () => own.showAll(), { signal });
  const resized = new ResizeObserver(() => own.draw());
  resized.observe(lanes);
  const scheme = window.matchMedia("(prefers-color-scheme: dark)");
  scheme.addEventListener("change", () => own.repaint(), { signal });
  const stopPreference = onPreference(() => own.repaint());
  void document.fonts.ready.then(() => own.draw());
  return () => {
    undo.abort();
    resized.disconnect();
    stopPreference();
  };
}

function summary(store: RunStore): string {
  const { facts, columns } = store;
  if (!facts) return "Timeline, loading";
  const failed = facts.errorCount ? `, ${plural(facts.errorCount, "error")}` : "";
  return `Timeline of ${facts.name}: ${plural(columns.count, "step")}${failed}. The tree below holds the same steps.`;
}

function Tip({ store, row, x, y }: { store: RunStore; row: number; x: number; y: number }) {
  const { columns } = store;
  const flags = columns.flags[row] ?? 0;
  const mode = modeOf(flags);
  const end = columns.end[row] ?? Number.NaN;
  const facts = [
    Number.isNaN(end) ? "running" : duration(end - (columns.start[row] ?? 0)),
    columns.tokens[row] ? `${tokens(columns.tokens[row])} tok` : "",
    columns.microUsd[row] ? money(columns.microUsd[row]) : "",
    mode === "recorded" ? "" : mode,
    flags & Flag.error ? "▲ error" : "",
  ];
  const side = x > 320 ? { right: `calc(100% - ${x - 8}px)` } : { left: x + 12 };
  return (
    <div className={styles.tip} style={{ ...side, top: y + 14 }}>
      <b>
        #{columns.sequence[row]} {plainLine(columns.nameAt(row))}
      </b>
      <span>
        {kindName(columns.kind[row] ?? 0).toLowerCase()} · {facts.filter(Boolean).join(" · ")}
      </span>
    </div>
  );
}
