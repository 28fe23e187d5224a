/** The tokens as colours for the canvas, read from the stylesheet: one source for both. */

const TOKENS = [
  "bg",
  "surface",
  "sunken",
  "line",
  "edge",
  "text",
  "text-2",
  "text-3",
  "model",
  "retriever",
  "tool",
  "planner",
  "validator",
  "safety",
  "agent",
  "custom",
  "label",
  "accent",
  "accent-bg",
  "warn",
  "error",
  "error-fill",
] as const;

export type Paint = Readonly<Record<(typeof TOKENS)[number], string>>;

/** What every token is in the theme of `host` at this moment. */
export function readPaint(host: HTMLElement): Paint {
  const probe = document.createElement("span");
  probe.hidden = true;
  host.append(probe);
  const read = (token: string) => {
    probe.style.color = `var(--${token})`;
    return getComputedStyle(probe).color;
  };
  const entries = TOKENS.map((token) => [token, read(token)] as const);
  probe.remove();
  // The entries are exactly the tokens.
  return Object.fromEntries(entries) as Paint;
}
