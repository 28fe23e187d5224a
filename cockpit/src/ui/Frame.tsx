import { Link } from "@tanstack/react-router";
import { Command, ListTree, Monitor, Moon, Sun } from "lucide-react";
import { type ReactNode, useSyncExternalStore } from "react";
import { connection, onConnection } from "../graphql/socket";
import styles from "./Frame.module.css";
import { cyclePreference, usePreference } from "./preferences";

const CONNECTION_WORD = {
  idle: "no stream open",
  connecting: "connecting",
  open: "connected",
  lost: "connection lost, trying again",
} as const;

/** Rail, bar and status line around a page. */
export function Frame({
  crumbs,
  actions,
  status,
  children,
}: {
  crumbs: ReactNode;
  actions?: ReactNode;
  status: ReactNode;
  children: ReactNode;
}) {
  return (
    <div className={styles.frame}>
      <nav className={styles.rail} aria-label="Pages">
        <Link
          to="/runs"
          search={{}}
          className={styles.mark}
          title="Forkpoint"
          aria-label="Forkpoint"
        >
          <svg viewBox="0 0 16 16" width="22" height="22" aria-hidden="true">
            <path
              d="M2 8h5m0 0 3.2-4H14M7 8l3.2 4H14"
              fill="none"
              stroke="currentColor"
              strokeWidth="1.5"
            />
            <circle cx="7" cy="8" r="2" fill="currentColor" />
          </svg>
        </Link>
        <Link
          to="/runs"
          search={{}}
          className={styles.place}
          activeProps={{ "data-active": true }}
          activeOptions={{ exact: false, includeSearch: false }}
          title="Runs (g r)"
        >
          <ListTree size={16} strokeWidth={1.5} aria-hidden="true" />
          <span>Runs</span>
        </Link>
        <ThemeButton />
      </nav>
      <header className={styles.bar}>
        <Link to="/runs" search={{}} className={styles.home} title="Runs" aria-label="Runs">
          <ListTree size={16} strokeWidth={1.5} aria-hidden="true" />
        </Link>
        <div className={styles.crumbs}>{crumbs}</div>
        <div className={styles.actions}>{actions}</div>
        <ConnectionDot />
        <button
          type="button"
          className={styles.palette}
          onClick={() => window.dispatchEvent(new Event("forkpoint:palette"))}
          title="Commands"
          aria-label="Commands"
        >
          <Command size={14} strokeWidth={1.5} aria-hidden="true" />
          <kbd>K</kbd>
        </button>
      </header>
      <main className={styles.page}>{children}</main>
      <footer className={styles.status}>{status}</footer>
    </div>
  );
}

function ThemeButton() {
  const theme = usePreference("theme");
  const Icon = theme === "light" ? Sun : theme === "dark" ? Moon : Monitor;
  return (
    <button
      type="button"
      className={styles.theme}
      onClick={() => cyclePreference("theme")}
      title={`Theme: ${theme}`}
      aria-label={`Theme: ${theme}`}
    >
      <Icon size={16} strokeWidth={1.5} aria-hidden="true" />
    </button>
  );
}

function ConnectionDot() {
  const state = useSyncExternalStore(onConnection, connection);
  return (
    <span className={styles.dot} data-state={state} role="status" title={CONNECTION_WORD[state]}>
      <span className="visually-hidden">{CONNECTION_WORD[state]}</span>
    </span>
  );
}
