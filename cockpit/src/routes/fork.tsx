import { Link, useParams, useSearch } from "@tanstack/react-router";
import { Composer } from "../fork/Composer";
import styles from "../fork/Head.module.css";
import { runTag } from "../format/identity";
import { plainLine } from "../format/visible";
import { useRunStore } from "../runstore/useRunStore";
import { Frame } from "../ui/Frame";
import { Empty, Failed, Skeleton } from "../ui/State";

/** `/runs/:run/fork/:step`: what to change there, and what that would do. */
export function ForkRoute() {
  const { run, step } = useParams({ from: "/runs/$run/fork/$step" });
  const search = useSearch({ from: "/runs/$run/fork/$step" });
  const store = useRunStore(run);
  const { facts, phase, failure, columns } = store;
  const row = columns.rowOf(Number(step));
  const crumbs = (
    <h1 className={styles.title}>
      {search.resumes ? "Resume" : "Fork"}{" "}
      <Link to="/runs/$run/steps/$step" params={{ run, step }} search={{}}>
        {facts ? plainLine(facts.name) : "run"} {runTag(run)}
      </Link>{" "}
      at #{step} {row < 0 ? "" : plainLine(columns.nameAt(row))}
    </h1>
  );
  return (
    <Frame crumbs={crumbs} status={<span>⌘↵ launch · Esc leaves the editor · ? keys</span>}>
      {failure ? (
        <Failed failure={failure} onRetry={() => window.location.reload()} />
      ) : phase === "loading" ? (
        <Skeleton rows={16} label="Loading run" />
      ) : row < 0 ? (
        <Empty title={`This run has no step #${step}`} text="Choose one in the run and press f." />
      ) : (
        <Composer
          key={`${run} ${step}`}
          store={store}
          row={row}
          start={{
            ...(search.side ? { side: search.side } : {}),
            resumes: search.resumes ?? null,
          }}
        />
      )}
    </Frame>
  );
}
