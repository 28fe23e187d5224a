import { Dialog } from "../ui/Dialog";
import styles from "./Help.module.css";
import { keyHint, useRegistry } from "./registry";

/** The keys of this page, by group. */
export function Help({ onClose }: { onClose: () => void }) {
  const commands = useRegistry().filter(({ keys }) => keys.length > 0);
  const groups = [...new Set(commands.map(({ group }) => group))];
  return (
    <Dialog label="Keyboard" onClose={onClose}>
      <h2 className={styles.title}>Keyboard</h2>
      <div className={styles.groups}>
        {groups.map((group) => (
          <section key={group}>
            <h3 className={styles.group}>{group}</h3>
            <dl className={styles.keys}>
              {commands
                .filter((command) => command.group === group)
                .map((command) => (
                  <div key={command.id}>
                    <dt>
                      {command.keys.map((key) => (
                        <kbd key={key}>{keyHint(key)}</kbd>
                      ))}
                    </dt>
                    <dd>{command.title}</dd>
                  </div>
                ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
