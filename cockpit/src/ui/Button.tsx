import type { ReactNode } from "react";
import styles from "./Button.module.css";

/** A labelled button; `hint` is its key, shown beside the label and in the tooltip. */
export function Button({
  children,
  onPress,
  hint,
  title,
  pressed,
  disabled = false,
  tone = "plain",
}: {
  children: ReactNode;
  onPress: () => void;
  hint?: string;
  title?: string;
  pressed?: boolean;
  disabled?: boolean;
  tone?: "plain" | "accent" | "quiet";
}) {
  return (
    <button
      type="button"
      className={styles.button}
      data-tone={tone}
      onClick={onPress}
      disabled={disabled}
      aria-pressed={pressed}
      title={title ? `${title}${hint ? ` (${hint})` : ""}` : undefined}
    >
      {children}
      {hint ? <kbd className={styles.hint}>{hint}</kbd> : null}
    </button>
  );
}
