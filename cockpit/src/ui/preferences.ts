/** What a reader set for this browser: theme, density, single keys. Kept in localStorage. */

import { useSyncExternalStore } from "react";

const CHOICES = {
  theme: ["system", "light", "dark"],
  density: ["dense", "comfortable"],
  singleKeys: ["on", "off"],
} as const;

export type Preference = keyof typeof CHOICES;

const PREFIX = "forkpoint.";
const listeners = new Set<() => void>();

/** The chosen value; the first choice when nothing valid is stored. */
export function preference(name: Preference): string {
  const choices: readonly string[] = CHOICES[name];
  const stored = localStorage.getItem(PREFIX + name);
  return stored !== null && choices.includes(stored) ? stored : (choices[0] ?? "");
}

/** Moves on to the next choice and returns it. */
export function cyclePreference(name: Preference): string {
  const choices: readonly string[] = CHOICES[name];
  const next = choices[(choices.indexOf(preference(name)) + 1) % choices.length] ?? "";
  localStorage.setItem(PREFIX + name, next);
  applyPreferences();
  for (const listener of listeners) listener();
  return next;
}

/** Puts theme and density on the document. */
export function applyPreferences(): void {
  const { dataset } = document.documentElement;
  const theme = preference("theme");
  if (theme === "system") delete dataset.theme;
  else dataset.theme = theme;
  dataset.density = preference("density");
}

export function usePreference(name: Preference): string {
  return useSyncExternalStore(onPreference, () => preference(name));
}

/** Calls back after every change of a preference. */
export function onPreference(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
