import { useState } from "react";
import { Dialog } from "../ui/Dialog";
import styles from "./Palette.module.css";
import { type Command, keyHint, useRegistry } from "./registry";

/** All commands by name; says why one cannot act now. */
export function Palette({ onClose }: { onClose: () => void }) {
  const [query, setQuery] = useState("");
  const [chosen, setChosen] = useState(0);
  const found = search(useRegistry(), query);
  const at = Math.min(chosen, Math.max(0, found.length - 1));
  const run = (command: Command | undefined) => {
    if (!command || command.unavailable) return;
    onClose();
    command.run();
  };
  const onKeyDown = (event: React.KeyboardEvent) => {
    if (event.key === "ArrowDown") setChosen(Math.min(found.length - 1, at + 1));
    else if (event.key === "ArrowUp") setChosen(Math.max(0, at - 1));
    else if (event.key === "Enter") run(found[at]);
    else return;
    event.preventDefault();
  };
  return (
    <Dialog label="Commands" onClose={onClose}>
      <input
        className={styles.input}
        placeholder="Command…"
        aria-label="Command"
        role="combobox"
        aria-expanded="true"
        aria-controls="palette-list"
        aria-activedescendant={found[at] ? `palette-${found[at].id}` : undefined}
        value={query}
        onChange={(event) => {
          setQuery(event.target.value);
          setChosen(0);
        }}
        onKeyDown={onKeyDown}
      />
      <div id="palette-list" role="listbox" aria-label="Commands" className={styles.list}>
        {found.map((command, row) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the combobox above has the keys.
          <div
            key={command.id}
            id={`palette-${command.id}`}
            role="option"
            tabIndex={-1}
            aria-selected={row === at}
            aria-disabled={Boolean(command.unavailable)}
            className={styles.option}
            onMouseMove={() => setChosen(row)}
            onClick={() => run(command)}
          >
            <span className={styles.group}>{command.group}</span>
            <span className={styles.title}>{command.title}</span>
            <span className={styles.reason}>{command.unavailable}</span>
            <kbd>{keyHint(command.keys[0])}</kbd>
          </div>
        ))}
        {found.length === 0 ? <p className={styles.none}>No command is called that.</p> : null}
      </div>
    </Dialog>
  );
}

function search(commands: readonly Command[], query: string): Command[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  return commands.filter(({ title, group }) => {
    const text = `${group} ${title}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}
