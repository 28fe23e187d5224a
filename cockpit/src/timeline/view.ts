/** The window of a timeline: what part of the axis is seen. Pure. Units: ns, or steps. */

export type Axis = "time" | "steps";

export interface View {
  readonly from: number;
  readonly to: number;
}

/** Narrowest window: a microsecond, or two steps. */
export function narrowest(axis: Axis): number {
  return axis === "time" ? 1_000 : 2;
}

/** `view` kept inside [0, extent] and not narrower than `least`. */
export function clamp(view: View, extent: number, least: number): View {
  const whole = Math.max(extent, least);
  const width = Math.min(whole, Math.max(least, view.to - view.from));
  const from = Math.min(Math.max(0, view.from), whole - width);
  return { from, to: from + width };
}

/** Zooms by `factor` (< 1 is closer) so that the point at `share` of the width stays where it is. */
export function zoom(view: View, factor: number, share: number): View {
  const width = view.to - view.from;
  const point = view.from + width * share;
  return { from: point - width * factor * share, to: point + width * factor * (1 - share) };
}

/** Moves by a share of the width. */
export function pan(view: View, share: number): View {
  const by = (view.to - view.from) * share;
  return { from: view.from + by, to: view.to + by };
}

/** A window around [start, end] with room on both sides. */
export function around(start: number, end: number, least: number): View {
  const width = Math.max(end - start, least / 2);
  return { from: start - width * 0.5, to: start + width * 1.5 };
}

/** `view` moved, as little as possible, so that [start, end] is seen. */
export function reveal(view: View, start: number, end: number): View {
  const width = view.to - view.from;
  if (start >= view.from && end <= view.to) return view;
  if (start < view.to && end > view.from && end - start > width) return view;
  if (start < view.from) return { from: start - width * 0.1, to: start + width * 0.9 };
  const edge = Math.min(end, start + width * 0.8);
  return { from: edge - width * 0.9, to: edge + width * 0.1 };
}
