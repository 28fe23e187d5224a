import { useEffect, useRef, useState } from "react";
import { Skeleton } from "../../ui/State";
import styles from "./Editor.module.css";
import type { Editor as Mounted, Wanted } from "./mount";

/** A text editor; its code comes with the first one that is shown. */
export function Editor(props: Wanted) {
  const place = useRef<HTMLDivElement>(null);
  const editor = useRef<Mounted | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const [state, setState] = useState<"loading" | "ready" | "failed">("loading");
  useEffect(() => {
    let gone = false;
    import("./mount")
      .then(({ mountEditor }) => {
        if (gone || !place.current) return;
        editor.current = mountEditor(place.current, latest.current);
        setState("ready");
      })
      .catch(() => gone || setState("failed"));
    return () => {
      gone = true;
      editor.current?.dispose();
      editor.current = null;
    };
  }, []);
  useEffect(() => editor.current?.update(props));
  return (
    <div className={styles.editor} data-state={state}>
      {state === "loading" ? <Skeleton rows={4} label="Loading editor" /> : null}
      {state === "failed" ? (
        <textarea
          className={styles.plain}
          aria-label={props.label}
          spellCheck={false}
          value={props.text}
          onChange={(event) => props.onChange(event.target.value)}
        />
      ) : null}
      <div ref={place} className={styles.place} />
    </div>
  );
}
