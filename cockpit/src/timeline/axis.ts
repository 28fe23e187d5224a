/** Ticks of an axis. Pure. */

import type { Axis, View } from "./view";

export interface Tick {
  readonly at: number;
  readonly label: string;
}

/** Ticks at round places, at least `apart` pixels from each other. */
export function ticks(view: View, width: number, axis: Axis, apart = 90): Tick[] {
  const step = roundStep(((view.to - view.from) / Math.max(1, width)) * apart, axis);
  const found: Tick[] = [];
  for (let at = Math.ceil(view.from / step) * step; at <= view.to; at += step) {
    found.push({ at, label: axis === "time" ? timeLabel(at, step) : `${Math.round(at) + 1}` });
  }
  return found;
}

/** 1, 2 or 5 times a power of ten; of time, from a minute on, what clocks use. */
function roundStep(least: number, axis: Axis): number {
  if (axis === "time" && least > 20e9) {
    const clock = [30e9, 60e9, 120e9, 300e9, 600e9, 1800e9, 3600e9, 7200e9, 21600e9, 86400e9];
    return clock.find((step) => step >= least) ?? 86400e9 * Math.ceil(least / 86400e9);
  }
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 1e-9)));
  const step = [1, 2, 5, 10].map((n) => n * power).find((candidate) => candidate >= least) ?? least;
  return axis === "steps" ? Math.max(1, step) : step;
}

function timeLabel(at: number, step: number): string {
  if (step >= 30e9) {
    const seconds = Math.round(at / 1e9);
    const rest = String(seconds % 60).padStart(2, "0");
    const minutes = Math.floor(seconds / 60);
    return minutes < 60
      ? `${minutes}:${rest}`
      : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
  }
  const [unit, name] = step >= 1e8 ? [1e9, "s"] : step >= 1e5 ? [1e6, "ms"] : [1e3, "µs"];
  const digits = Math.max(0, Math.min(3, -Math.floor(Math.log10(step / unit) + 1e-9)));
  return `${(at / unit).toFixed(digits)} ${name}`;
}
