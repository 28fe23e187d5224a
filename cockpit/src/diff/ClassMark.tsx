import styles from "./ClassMark.module.css";
import { lookOf } from "./classes";

/** The mark of a class; its word is read out, or stands beside it. */
export function ClassMark({ name, word = false }: { name: string; word?: boolean }) {
  const look = lookOf(name);
  return (
    <span className={styles.class} data-class={name} title={`${look.word}: ${look.meaning}`}>
      <span className={styles.mark} aria-hidden="true">
        {look.mark}
      </span>
      <span className={word ? undefined : "visually-hidden"}>{look.word}</span>
    </span>
  );
}
