import { Fragment } from "react";
import { pieces } from "../format/visible";
import styles from "./Recorded.module.css";

/** Recorded text as text nodes; hidden characters stand as marks, redaction tokens as chips. */
export function Recorded({ text }: { text: string }) {
  return (
    <>
      {pieces(text).map((piece, at) => {
        // biome-ignore-start lint/suspicious/noArrayIndexKey: pieces have no identity of their own.
        if (piece.type === "text") return <Fragment key={at}>{piece.text}</Fragment>;
        return (
          <span
            key={at}
            className={piece.type === "mark" ? styles.mark : styles.token}
            title={piece.type === "mark" ? "hidden character" : piece.token}
          >
            {piece.text}
          </span>
        );
        // biome-ignore-end lint/suspicious/noArrayIndexKey: pieces have no identity of their own.
      })}
    </>
  );
}
