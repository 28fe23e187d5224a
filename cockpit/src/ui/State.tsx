import { Navigate } from "@tanstack/react-router";
import { useState } from "react";
import type { Failure } from "../graphql/failure";
import { Button } from "./Button";
import styles from "./State.module.css";

/** What would be here, and the one command that makes it so. */
export function Empty({ title, text, command }: { title: string; text: string; command?: string }) {
  const [copied, setCopied] = useState(false);
  return (
    <section className={styles.state}>
      <h2 className={styles.title}>{title}</h2>
      <p className={styles.text}>{text}</p>
      {command ? (
        <p className={styles.command}>
          <code>{command}</code>
          <Button
            tone="quiet"
            onPress={() => void navigator.clipboard.writeText(command).then(() => setCopied(true))}
          >
            {copied ? "copied" : "copy"}
          </Button>
        </p>
      ) : null}
    </section>
  );
}

/** A sentence, the code, the id to quote, and a way to try again. */
export function Failed({ failure, onRetry }: { failure: Failure; onRetry?: () => void }) {
  if (failure.code === "UNAUTHENTICATED") {
    const { pathname, search } = window.location;
    return <Navigate to="/sign-in" search={{ to: pathname + search }} replace />;
  }
  return (
    <section className={styles.state} role="alert">
      <h2 className={styles.title}>{failure.message}</h2>
      <p className={styles.text}>
        <code>{failure.code}</code>
        {failure.errorId ? (
          <>
            {" · error id "}
            <code>{failure.errorId}</code>
          </>
        ) : null}
      </p>
      {onRetry ? <Button onPress={onRetry}>Retry</Button> : null}
    </section>
  );
}

/** Rows of the right height while the first answer is on its way; nothing shows before 150 ms. */
export function Skeleton({ rows, label }: { rows: number; label: string }) {
  return (
    <div className={styles.skeleton} role="status" aria-label={label}>
      {Array.from({ length: rows }, (_, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the rows are alike and never move.
        <div key={row} className={styles.ghost} data-width={row % 4} />
      ))}
    </div>
  );
}
