/** One registry of commands feeds keys, palette, tooltips and the help sheet. */

import { useEffect, useRef, useSyncExternalStore } from "react";
import { preference } from "../ui/preferences";
import { isSingleKey, resolve, shownKeys } from "./keymap";

export interface Command {
  readonly id: string;
  /** What it does, as the palette and the help sheet say it. */
  readonly title: string;
  readonly group: string;
  /** Bindings in the words of keymap.ts; the first is the one shown. */
  readonly keys: readonly string[];
  readonly run: () => void;
  /** One of a row of like commands, of which only the first is listed. */
  readonly unlisted?: boolean;
  /** Why it cannot act now; null when it can. */
  readonly unavailable?: string | null;
}

const layers = new Map<symbol, readonly Command[]>();
const listeners = new Set<() => void>();
let snapshot: readonly Command[] = [];
let listed: readonly Command[] = [];
let bindings = new Map<string, string>();

function rebuild(): void {
  const byId = new Map<string, Command>();
  for (const layer of layers.values()) for (const command of layer) byId.set(command.id, command);
  snapshot = [...byId.values()];
  listed = snapshot.filter(({ unlisted }) => !unlisted);
  bindings = new Map(snapshot.flatMap(({ id, keys }) => keys.map((key) => [key, id] as const)));
  for (const listener of listeners) listener();
}

/** Offers commands as long as the component lives; later components win over equal keys. */
export function useCommands(commands: readonly Command[]): void {
  const layer = useRef(Symbol("commands"));
  const latest = useRef(commands);
  latest.current = commands;
  const shape = commands
    .map((c) => `${c.id}\u0000${c.title}\u0000${c.unavailable ?? ""}`)
    .join("\u0001");
  // biome-ignore lint/correctness/useExhaustiveDependencies: `shape` stands for all that is shown.
  useEffect(() => {
    const own = layer.current;
    const stable = latest.current.map((command, at) => ({
      ...command,
      run: () => latest.current[at]?.run(),
    }));
    layers.set(own, stable);
    rebuild();
    return () => {
      layers.delete(own);
      rebuild();
    };
  }, [shape]);
}

/** All commands of the moment that lists show. */
export function useRegistry(): readonly Command[] {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => listed,
  );
}

const APPLE = typeof navigator === "object" && /Mac|iPhone|iPad/.test(navigator.platform);

/** The keys of a binding as this platform writes them. */
export function keyHint(binding: string | undefined): string {
  return binding === undefined ? "" : shownKeys(binding, APPLE);
}

function inField(target: EventTarget | null): boolean {
  return (
    target instanceof Element && target.closest("input,textarea,select,[contenteditable]") !== null
  );
}

const PATIENCE_MS = 1_000;

/** Listens for keys on the window until the returned function is called. */
export function listenForKeys(): () => void {
  let prefix = "";
  let pressedAt = 0;
  const onKey = (event: KeyboardEvent) => {
    if (event.defaultPrevented || event.isComposing) return;
    if (event.timeStamp - pressedAt > PATIENCE_MS) prefix = "";
    const found = resolve(bindings, prefix, event);
    prefix = found.type === "wait" ? found.prefix : "";
    pressedAt = event.timeStamp;
    if (found.type !== "run") return;
    const command = snapshot.find(({ id }) => id === found.id);
    if (!command || command.unavailable || !mayAct(event, command)) return;
    event.preventDefault();
    command.run();
  };
  window.addEventListener("keydown", onKey);
  return () => window.removeEventListener("keydown", onKey);
}

function mayAct(event: KeyboardEvent, command: Command): boolean {
  const single = command.keys.every(isSingleKey) && !event.ctrlKey && !event.metaKey;
  if (!single) return event.key !== "Escape" || !inField(event.target);
  const onButton =
    event.target instanceof HTMLElement && event.target.closest("button,a[href],summary");
  if (onButton && (event.key === "Enter" || event.key === " ")) return false;
  if (document.querySelector("dialog[open]")) return false;
  return !inField(event.target) && preference("singleKeys") === "on";
}
