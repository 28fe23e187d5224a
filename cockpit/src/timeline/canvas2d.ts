/** Draws bars, axis and minimap on canvases. Colour never stands alone: letters and marks go with it. */

import { type Columns, Flag, kindName, modeOf } from "../runstore/columns";
import type { Paint } from "../theme/paint";
import { KIND_LETTER } from "../ui/kinds";
import { type Tick, ticks } from "./axis";
import type { Bars } from "./bars";
import type { Axis, View } from "./view";

export const BAR = 16;
export const GAP = 2;
export const LANE = BAR + GAP;
export const AXIS = 20;
const FONT = '600 11px "Inter Variable", system-ui, sans-serif';
const AXIS_FONT = '400 11px "Inter Variable", system-ui, sans-serif';

const KIND_PAINT = [
  "model",
  "retriever",
  "tool",
  "planner",
  "validator",
  "safety",
  "agent",
  "custom",
] as const;

export interface Scene {
  readonly columns: Columns;
  readonly bars: Bars;
  readonly view: View;
  readonly axis: Axis;
  readonly paint: Paint;
  readonly width: number;
  readonly height: number;
  /** Pixels scrolled down over the lanes. */
  readonly scroll: number;
  readonly selected: number;
  readonly hovered: number;
  /** 1 for rows a filter names; null without a filter. */
  readonly hits: Uint8Array | null;
  /** Bars of the run this one replays, drawn as outlines under it. */
  readonly outlines: Bars | null;
}

/** One frame of lanes and axis. */
export function drawScene(context: CanvasRenderingContext2D, scene: Scene): void {
  const { width, height, paint } = scene;
  context.fillStyle = paint.surface;
  context.fillRect(0, 0, width, height);
  const found = ticks(scene.view, width, scene.axis);
  drawGrid(context, scene, found);
  context.save();
  context.beginPath();
  context.rect(0, AXIS, width, height - AXIS);
  context.clip();
  context.translate(0, AXIS + 4 - scene.scroll);
  if (scene.outlines) drawOutlines(context, scene, scene.outlines);
  drawBars(context, scene);
  drawSelection(context, scene);
  context.restore();
  drawAxis(context, scene, found);
}

function place(scene: Scene, at: number): number {
  const { view, width } = scene;
  return Math.round(((at - view.from) / (view.to - view.from)) * width) + 0.5;
}

function drawGrid(context: CanvasRenderingContext2D, scene: Scene, found: readonly Tick[]): void {
  context.strokeStyle = scene.paint.line;
  context.globalAlpha = 0.6;
  context.lineWidth = 1;
  context.beginPath();
  for (const { at } of found) {
    const x = place(scene, at);
    context.moveTo(x, AXIS);
    context.lineTo(x, scene.height);
  }
  context.stroke();
  context.globalAlpha = 1;
}

function drawAxis(context: CanvasRenderingContext2D, scene: Scene, found: readonly Tick[]): void {
  const { paint, width } = scene;
  context.fillStyle = paint.surface;
  context.fillRect(0, 0, width, AXIS);
  context.strokeStyle = paint.line;
  context.strokeRect(-1, -1, width + 2, AXIS + 0.5);
  context.fillStyle = paint["text-3"];
  context.font = AXIS_FONT;
  context.textBaseline = "middle";
  for (const { at, label } of found) {
    const left = place(scene, at) + 4;
    if (left + context.measureText(label).width < width) context.fillText(label, left, AXIS / 2);
  }
}

function drawOutlines(context: CanvasRenderingContext2D, scene: Scene, outlines: Bars): void {
  context.strokeStyle = scene.paint.edge;
  context.globalAlpha = 0.55;
  context.lineWidth = 1;
  for (let bar = 0; bar < outlines.count; bar++) {
    const left = Math.round(outlines.left[bar] ?? 0) + 0.5;
    const right = Math.max(left + 1, Math.round(outlines.right[bar] ?? 0) - 0.5);
    context.strokeRect(left, (outlines.lane[bar] ?? 0) * LANE + 0.5, right - left, BAR - 1);
  }
  context.globalAlpha = 1;
}

function drawBars(context: CanvasRenderingContext2D, scene: Scene): void {
  const { bars, columns, paint } = scene;
  context.font = FONT;
  context.textBaseline = "middle";
  for (let kind = 0; kind < KIND_PAINT.length; kind++) {
    context.fillStyle = paint[KIND_PAINT[kind] ?? "custom"];
    for (let bar = 0; bar < bars.count; bar++) {
      if (columns.kind[bars.row[bar] ?? 0] === kind) fillBar(context, scene, bar);
    }
  }
  for (let bar = 0; bar < bars.count; bar++) drawMarks(context, scene, bar);
}

function dimmed(scene: Scene, row: number): boolean {
  return scene.hits !== null && !scene.hits[row];
}

function fillBar(context: CanvasRenderingContext2D, scene: Scene, bar: number): void {
  const { bars, columns } = scene;
  const row = bars.row[bar] ?? 0;
  const left = bars.left[bar] ?? 0;
  const width = Math.max(1, (bars.right[bar] ?? 0) - left - (bars.size[bar] === 1 ? 0.75 : 0));
  const top = (bars.lane[bar] ?? 0) * LANE;
  context.globalAlpha = dimmed(scene, row)
    ? 0.18
    : kindName(columns.kind[row] ?? 0) === "AGENT"
      ? 0.85
      : 1;
  if (width > 6) {
    context.beginPath();
    context.roundRect(left, top, width, BAR, 2);
    context.fill();
  } else context.fillRect(left, top, width, BAR);
  context.globalAlpha = 1;
}

function drawMarks(context: CanvasRenderingContext2D, scene: Scene, bar: number): void {
  const { bars, columns, paint } = scene;
  const row = bars.row[bar] ?? 0;
  const flags = columns.flags[row] ?? 0;
  const left = Math.max(0, bars.left[bar] ?? 0);
  const right = Math.min(scene.width, bars.right[bar] ?? 0);
  const top = (bars.lane[bar] ?? 0) * LANE;
  const width = right - left;
  if (dimmed(scene, row)) return;
  if (modeOf(flags) !== "recorded" && width >= 3) drawMode(context, scene, flags, left, top, width);
  if (flags & Flag.running) drawFade(context, scene, left, top, width);
  let room = width;
  if (flags & Flag.error) room -= drawError(context, paint, left, right, top, width);
  if (room >= 14) drawLabel(context, scene, row, left, top, room);
}

/** Red cap over the bar and a ▲ at its end. Returns the width it took. */
function drawError(
  context: CanvasRenderingContext2D,
  paint: Paint,
  left: number,
  right: number,
  top: number,
  width: number,
): number {
  context.fillStyle = paint["error-fill"];
  context.fillRect(left, top, Math.max(2, width), 3);
  if (width < 10) {
    context.fillRect(left, top, Math.max(2, width), BAR);
    return width;
  }
  context.fillRect(right - 11, top, 11, BAR);
  context.fillStyle = paint.label;
  context.beginPath();
  context.moveTo(right - 5.5, top + 4.5);
  context.lineTo(right - 2, top + 11.5);
  context.lineTo(right - 9, top + 11.5);
  context.fill();
  return 12;
}

/** How a replayed step came by its answer: a pattern of its own for each mode. */
function drawMode(
  context: CanvasRenderingContext2D,
  scene: Scene,
  flags: number,
  left: number,
  top: number,
  width: number,
): void {
  const mode = modeOf(flags);
  context.save();
  context.beginPath();
  context.rect(left, top, width, BAR);
  context.clip();
  context.strokeStyle = scene.paint.surface;
  context.fillStyle = mode === "simulated" ? scene.paint.warn : scene.paint.surface;
  context.globalAlpha = 0.35;
  context.beginPath();
  if (mode === "exact") {
    for (let x = left - BAR; x < left + width; x += 5) {
      context.moveTo(x, top + BAR);
      context.lineTo(x + BAR, top);
    }
  } else if (mode === "cached") {
    for (let y = top + 3.5; y < top + BAR; y += 4) {
      context.moveTo(left, y);
      context.lineTo(left + width, y);
    }
  } else if (mode === "simulated") {
    for (let x = left + 2; x < left + width; x += 5) {
      for (let y = top + 3; y < top + BAR; y += 5) context.rect(x, y, 1.5, 1.5);
    }
  }
  context.stroke();
  context.globalAlpha = 1;
  if (mode === "simulated") context.fillRect(left, top + BAR - 2, width, 2);
  if (mode === "live") {
    context.fillStyle = scene.paint.accent;
    context.fillRect(left, top, width, 3);
  }
  context.restore();
}

/** Open steps fade out to the right. */
function drawFade(
  context: CanvasRenderingContext2D,
  scene: Scene,
  left: number,
  top: number,
  width: number,
): void {
  const reach = Math.min(48, width);
  const gradient = context.createLinearGradient(left + width - reach, 0, left + width, 0);
  gradient.addColorStop(0, "transparent");
  gradient.addColorStop(1, scene.paint.surface);
  context.fillStyle = gradient;
  context.fillRect(left + width - reach, top, reach, BAR);
}

function drawLabel(
  context: CanvasRenderingContext2D,
  scene: Scene,
  row: number,
  left: number,
  top: number,
  room: number,
): void {
  const { columns, paint } = scene;
  context.fillStyle = paint.label;
  const letter = KIND_LETTER[kindName(columns.kind[row] ?? 0)];
  context.fillText(letter, left + 4, top + BAR / 2 + 0.5);
  if (room < 48) return;
  const name = columns.nameAt(row);
  const fits = Math.floor((room - 22) / 5.6);
  const text = name.length > fits ? `${name.slice(0, Math.max(1, fits - 1))}…` : name;
  if (fits >= 3) context.fillText(text, left + 17, top + BAR / 2 + 0.5);
}

function drawSelection(context: CanvasRenderingContext2D, scene: Scene): void {
  const { bars, paint } = scene;
  for (let bar = 0; bar < bars.count; bar++) {
    const row = bars.row[bar] ?? 0;
    if (row !== scene.selected && row !== scene.hovered) continue;
    const left = bars.left[bar] ?? 0;
    const width = Math.max(2, (bars.right[bar] ?? 0) - left);
    context.strokeStyle = row === scene.selected ? paint.accent : paint.edge;
    context.lineWidth = row === scene.selected ? 2 : 1;
    context.strokeRect(left - 1, (bars.lane[bar] ?? 0) * LANE - 1, width + 2, BAR + 2);
  }
}
