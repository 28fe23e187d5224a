/** The whole run in one strip: activity, errors, the window, the chosen step. */

import { Flag } from "../runstore/columns";
import type { Paint } from "../theme/paint";
import { type Extents, endOf, startOf } from "./bars";
import type { View } from "./view";

export const MINIMAP = 36;

export interface Activity {
  /** Steps at work a pixel; scopes that hold others do not count. */
  readonly busy: Float32Array;
  /** Whether a step that ended in an error starts at the pixel. */
  readonly errors: Uint8Array;
  readonly highest: number;
}

/** Sums the steps of a run over `width` pixels. Pure. */
export function sumActivity(extents: Extents, extent: number, width: number): Activity {
  const pixels = Math.max(1, Math.floor(width));
  const busy = new Float32Array(pixels + 1);
  const errors = new Uint8Array(pixels);
  const scale = pixels / Math.max(extent, 1);
  const { columns, spanEnd } = extents;
  for (let row = 0; row < columns.count; row++) {
    const from = pixelOf(startOf(extents, row) * scale, pixels);
    if ((columns.flags[row] ?? 0) & Flag.error) errors[from] = 1;
    if ((spanEnd[row] ?? row + 1) > row + 1) continue;
    const after = Math.max(from + 1, pixelOf(endOf(extents, row) * scale, pixels));
    busy[from] = (busy[from] ?? 0) + 1;
    busy[after] = (busy[after] ?? 0) - 1;
  }
  let level = 0;
  let highest = 1;
  for (let pixel = 0; pixel < pixels; pixel++) {
    level += busy[pixel] ?? 0;
    busy[pixel] = level;
    highest = Math.max(highest, level);
  }
  return { busy, errors, highest };
}

function pixelOf(x: number, pixels: number): number {
  return Math.max(0, Math.min(pixels - 1, Math.floor(x)));
}

export interface MinimapScene {
  readonly activity: Activity;
  readonly view: View;
  readonly extent: number;
  readonly paint: Paint;
  readonly width: number;
  /** Place of the chosen step on the axis, NaN for none. */
  readonly selected: number;
}

export function drawMinimap(context: CanvasRenderingContext2D, scene: MinimapScene): void {
  const { activity, paint, width, view, extent } = scene;
  context.fillStyle = paint.sunken;
  context.fillRect(0, 0, width, MINIMAP);
  const floor = MINIMAP - 4;
  context.fillStyle = paint["text-3"];
  for (let x = 0; x < activity.errors.length; x++) {
    const level = activity.busy[x] ?? 0;
    if (level <= 0) continue;
    const height = 3 + (floor - 14) * Math.sqrt(level / activity.highest);
    context.fillRect(x, floor - height, 1, height);
  }
  context.fillStyle = paint["error-fill"];
  for (let x = 0; x < activity.errors.length; x++) {
    if (activity.errors[x]) triangle(context, x, 3);
  }
  const left = (view.from / Math.max(extent, 1)) * width;
  const right = (view.to / Math.max(extent, 1)) * width;
  shadeOutside(context, paint, left, right, width);
  if (!Number.isNaN(scene.selected)) {
    context.fillStyle = paint.accent;
    context.fillRect((scene.selected / Math.max(extent, 1)) * width - 1, 0, 2, MINIMAP);
  }
}

function triangle(context: CanvasRenderingContext2D, x: number, top: number): void {
  context.beginPath();
  context.moveTo(x, top);
  context.lineTo(x + 4, top + 7);
  context.lineTo(x - 4, top + 7);
  context.fill();
}

function shadeOutside(
  context: CanvasRenderingContext2D,
  paint: Paint,
  left: number,
  right: number,
  width: number,
): void {
  if (left <= 0.5 && right >= width - 0.5) return;
  context.globalAlpha = 0.62;
  context.fillStyle = paint.bg;
  context.fillRect(0, 0, left, MINIMAP);
  context.fillRect(right, 0, width - right, MINIMAP);
  context.globalAlpha = 1;
  context.strokeStyle = paint.accent;
  context.lineWidth = 1;
  context.strokeRect(left + 0.5, 0.5, Math.max(2, right - left - 1), MINIMAP - 1);
}
