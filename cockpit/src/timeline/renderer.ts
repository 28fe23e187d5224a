/** Owns the canvases of a timeline, its window and its frames. No React in here. */

import type { RunStore } from "../runstore/store";
import { type Paint, readPaint } from "../theme/paint";
import { Bars, barAt, type Extents, endOf, layBars, startOf } from "./bars";
import { AXIS, drawScene, LANE } from "./canvas2d";
import { drawMinimap, sumActivity } from "./minimap";
import { type Axis, around, clamp, narrowest, pan, reveal, type View, zoom } from "./view";

export interface Callbacks {
  /** The reader chose a step. */
  readonly onSelect: (row: number) => void;
  /** The window came to rest; null when it is the whole run. */
  readonly onRest: (view: View | null) => void;
  /** The reader moved the window by hand: following ends. */
  readonly onLeave: () => void;
  readonly onHover: (row: number, x: number, y: number) => void;
}

export interface Inputs {
  readonly store: RunStore;
  /** The run this one replays, for outlines; null without. */
  readonly recording: RunStore | null;
  readonly axis: Axis;
  readonly selected: number;
  readonly hits: Uint8Array | null;
  readonly following: boolean;
  readonly frozen: boolean;
}

const REST_MS = 150;
/** A little room after the last step. */
const MARGIN = 1.01;

export class Renderer {
  readonly #lanes: HTMLCanvasElement;
  readonly #map: HTMLCanvasElement;
  readonly #callbacks: Callbacks;
  readonly #bars = new Bars();
  readonly #outlines = new Bars();
  #inputs: Inputs | null = null;
  #paint: Paint | null = null;
  /** null: the whole run, however long it grows. */
  #view: View | null = null;
  #scroll = 0;
  #hovered = -1;
  #frame = 0;
  #resting: ReturnType<typeof setTimeout> | undefined;
  #disposed = false;

  constructor(lanes: HTMLCanvasElement, map: HTMLCanvasElement, callbacks: Callbacks) {
    this.#lanes = lanes;
    this.#map = map;
    this.#callbacks = callbacks;
  }

  dispose(): void {
    this.#disposed = true;
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#resting);
  }

  /** New inputs; a change of axis or run shows the whole again. */
  set(inputs: Inputs, view: View | null): void {
    const old = this.#inputs;
    const other = !old || old.axis !== inputs.axis || old.store !== inputs.store;
    const moved = old !== null && old.selected !== inputs.selected;
    this.#inputs = inputs;
    if (other) this.#view = view;
    if (inputs.following) this.#view = null;
    else if (moved && this.#view) this.showRow(inputs.selected);
    if (moved || other) this.#revealLane(inputs.selected);
    this.draw();
  }

  /** Colours again, after a change of theme. */
  repaint(): void {
    this.#paint = null;
    this.draw();
  }

  draw(): void {
    if (this.#frame || this.#disposed) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#drawNow();
    });
  }

  get #width(): number {
    return this.#lanes.clientWidth;
  }

  #extents(store: RunStore, inputs: Inputs): Extents {
    const now = store.elapsed(performance.now(), inputs.frozen);
    const hits = store === inputs.store ? inputs.hits : null;
    return { columns: store.columns, spanEnd: store.tree().spanEnd, axis: inputs.axis, now, hits };
  }

  /** Length of the run on its axis. */
  #extent(inputs: Inputs): number {
    if (inputs.axis === "steps") return Math.max(1, inputs.store.columns.count);
    return Math.max(1, inputs.store.elapsed(performance.now(), inputs.frozen) * MARGIN);
  }

  view(): View {
    const inputs = this.#inputs;
    if (!inputs) return { from: 0, to: 1 };
    return this.#view ?? { from: 0, to: this.#extent(inputs) };
  }

  #drawNow(): void {
    const inputs = this.#inputs;
    const lanes = fitted(this.#lanes);
    const map = fitted(this.#map);
    if (!inputs || !lanes || !map) return;
    this.#paint ??= readPaint(document.body);
    const extents = this.#extents(inputs.store, inputs);
    const view = this.view();
    const width = this.#width;
    layBars(this.#bars, extents, view, width);
    const { recording } = inputs;
    if (recording?.facts) layBars(this.#outlines, this.#extents(recording, inputs), view, width);
    drawScene(lanes, {
      columns: extents.columns,
      bars: this.#bars,
      view,
      axis: inputs.axis,
      paint: this.#paint,
      width,
      height: this.#lanes.clientHeight,
      scroll: this.#scroll,
      selected: inputs.selected,
      hovered: this.#hovered,
      hits: inputs.hits,
      outlines: recording?.facts ? this.#outlines : null,
    });
    const extent = this.#extent(inputs);
    drawMinimap(map, {
      activity: sumActivity(extents, extent, width),
      view,
      extent,
      paint: this.#paint,
      width,
      selected: inputs.selected < 0 ? Number.NaN : startOf(extents, inputs.selected),
    });
    if (inputs.store.running && !inputs.frozen && inputs.axis === "time") this.draw();
  }

  // The window

  #move(view: View | null, byHand = true): void {
    const inputs = this.#inputs;
    if (!inputs) return;
    const extent = this.#extent(inputs);
    const next = view && clamp(view, extent, narrowest(inputs.axis));
    this.#view = next && next.to - next.from >= extent ? null : next;
    if (byHand) this.#callbacks.onLeave();
    clearTimeout(this.#resting);
    this.#resting = setTimeout(() => this.#callbacks.onRest(this.#view), REST_MS);
    this.draw();
  }

  zoomBy(factor: number, share = 0.5): void {
    this.#move(zoom(this.view(), factor, share));
  }

  panBy(share: number): void {
    this.#move(pan(this.view(), share));
  }

  panTo(share: number): void {
    const inputs = this.#inputs;
    if (!inputs) return;
    const view = this.view();
    const half = (view.to - view.from) / 2;
    const point = share * this.#extent(inputs);
    this.#move({ from: point - half, to: point + half });
  }

  showAll(): void {
    this.#move(null);
  }

  fitRow(row: number): void {
    const inputs = this.#inputs;
    if (!inputs || row < 0) return;
    const extents = this.#extents(inputs.store, inputs);
    this.#move(around(startOf(extents, row), endOf(extents, row), narrowest(inputs.axis)));
  }

  showRow(row: number): void {
    const inputs = this.#inputs;
    if (!inputs || row < 0) return;
    const extents = this.#extents(inputs.store, inputs);
    const view = this.view();
    const next = reveal(view, startOf(extents, row), endOf(extents, row));
    if (next !== view) this.#move(next, false);
  }

  #revealLane(row: number): void {
    const inputs = this.#inputs;
    if (!inputs || row < 0) return;
    const top = (inputs.store.columns.lane[row] ?? 0) * LANE;
    const room = this.#lanes.clientHeight - AXIS - 8;
    if (top < this.#scroll) this.#scroll = top;
    else if (top + LANE > this.#scroll + room) this.#scroll = top + LANE - room;
  }

  scrollBy(pixels: number, lanes: number): void {
    const most = Math.max(0, lanes * LANE + AXIS + 8 - this.#lanes.clientHeight);
    this.#scroll = Math.min(most, Math.max(0, this.#scroll + pixels));
    this.draw();
  }

  /** Whether there are lanes out of sight. */
  overflows(lanes: number): boolean {
    return lanes * LANE + AXIS + 8 > this.#lanes.clientHeight;
  }

  // The pointer

  rowAt(x: number, y: number): number {
    if (y < AXIS) return -1;
    return barAt(this.#bars, x, Math.floor((y - AXIS - 4 + this.#scroll) / LANE));
  }

  hover(x: number, y: number): void {
    const row = this.rowAt(x, y);
    if (row === this.#hovered) return;
    this.#hovered = row;
    this.#callbacks.onHover(row, x, y);
    this.draw();
  }

  press(x: number, y: number): void {
    const row = this.rowAt(x, y);
    if (row >= 0) this.#callbacks.onSelect(row);
  }
}

/** The context of a canvas whose pixels match its size on screen; null while it has none. */
function fitted(canvas: HTMLCanvasElement): CanvasRenderingContext2D | null {
  const ratio = window.devicePixelRatio || 1;
  const width = Math.round(canvas.clientWidth * ratio);
  const height = Math.round(canvas.clientHeight * ratio);
  if (width === 0 || height === 0) return null;
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const context = canvas.getContext("2d");
  context?.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}
