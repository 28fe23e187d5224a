import type { ReactNode } from "react";
import styles from "./Chip.module.css";

export type Tone = "plain" | "accent" | "warn" | "error" | "ok";

/** A short fact in a frame. */
export function Chip({
  tone = "plain",
  title,
  children,
}: {
  tone?: Tone;
  title?: string | undefined;
  children: ReactNode;
}) {
  return (
    <span className={styles.chip} data-tone={tone} title={title}>
      {children}
    </span>
  );
}
