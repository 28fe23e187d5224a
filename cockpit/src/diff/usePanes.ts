/** Sizes of the panes: the width of the pair is remembered, a narrow window has no room for two. */

import { useState, useSyncExternalStore } from "react";

const WIDTH = "forkpoint.pair-width";
const NARROW = "(width < 720px)";

/** Width of the pair in px: what was set last, else two fifths of the window. */
export function usePairWidth(): [number, (width: number) => void] {
  const [width, setWidth] = useState(() => {
    const kept = Number(localStorage.getItem(WIDTH));
    return kept >= 360 && kept <= 1000 ? kept : Math.round(window.innerWidth * 0.42);
  });
  const keep = (next: number) => {
    localStorage.setItem(WIDTH, String(next));
    setWidth(next);
  };
  return [width, keep];
}

/** Whether the window is narrower than 720 px. */
export function useNarrow(): boolean {
  return useSyncExternalStore(
    (listener) => {
      const query = window.matchMedia(NARROW);
      query.addEventListener("change", listener);
      return () => query.removeEventListener("change", listener);
    },
    () => window.matchMedia(NARROW).matches,
  );
}
