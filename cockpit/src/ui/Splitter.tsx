import { useRef } from "react";
import styles from "./Splitter.module.css";

/** A line between two panes that can be dragged, or moved by arrow keys 16 px at a time. */
export function Splitter({
  label,
  direction,
  value,
  least,
  most,
  onChange,
}: {
  label: string;
  /** `column`: panes side by side; `row`: one above the other. */
  direction: "column" | "row";
  value: number;
  least: number;
  most: number;
  onChange: (value: number) => void;
}) {
  const start = useRef<{ at: number; value: number } | null>(null);
  const place = (event: React.PointerEvent) =>
    direction === "column" ? event.clientX : event.clientY;
  const change = (next: number) => onChange(Math.round(Math.min(most, Math.max(least, next))));
  const by = direction === "column" ? ["ArrowLeft", "ArrowRight"] : ["ArrowUp", "ArrowDown"];
  return (
    // biome-ignore lint/a11y/useSemanticElements: a separator with a value is a widget, not a rule.
    <div
      role="separator"
      tabIndex={0}
      aria-label={label}
      aria-orientation={direction === "column" ? "vertical" : "horizontal"}
      aria-valuenow={value}
      aria-valuemin={least}
      aria-valuemax={most}
      data-direction={direction}
      className={styles.splitter}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        start.current = { at: place(event), value };
      }}
      onPointerMove={(event) => {
        if (start.current) change(start.current.value + place(event) - start.current.at);
      }}
      onPointerUp={() => {
        start.current = null;
      }}
      onKeyDown={(event) => {
        const step = by.indexOf(event.key);
        if (step < 0) return;
        event.preventDefault();
        change(value + (step === 0 ? -16 : 16));
      }}
    />
  );
}
