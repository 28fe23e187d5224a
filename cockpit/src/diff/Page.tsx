import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { Button } from "../ui/Button";
import { Frame } from "../ui/Frame";
import { usePreference } from "../ui/preferences";
import { Splitter } from "../ui/Splitter";
import { Empty, Failed, Skeleton } from "../ui/State";
import { Causes } from "./Causes";
import { Comparing } from "./Comparing";
import styles from "./Diff.module.css";
import { Divergence } from "./Divergence";
import { Export } from "./Export";
import type { Compared } from "./loading";
import { Pair } from "./Pair";
import { Rows } from "./Rows";
import { StatusLine } from "./StatusLine";
import { Runs, Summary } from "./Summary";
import { type Comparison, useComparison } from "./useComparison";
import { useDiffKeys } from "./useDiffKeys";
import { type Opened, usePair } from "./usePair";
import { useNarrow, usePairWidth } from "./usePanes";
import { type DiffSearch, useView, type View, type WriteSearch } from "./useView";
import { VerifyDialog } from "./VerifyDialog";

export interface PageProps {
  readonly a: string;
  readonly b: string;
  readonly search: DiffSearch;
  readonly onSearch: WriteSearch;
  readonly onSwap: () => void;
}

/** Two runs aligned: what differs, where it began, and the opened pair. */
export function Page(props: PageProps) {
  const comparison = useComparison(props.a, props.b, props.search.row ?? null);
  const { compared, failure, waiting } = comparison;
  if (compared) return <Aligned {...props} comparison={comparison} compared={compared} />;
  return (
    <Frame
      crumbs={waiting?.a && waiting.b ? <Runs a={waiting.a} b={waiting.b} /> : "Diff"}
      status={null}
    >
      {failure?.code === "NOT_COMPARABLE" ? (
        <Empty title="These two runs cannot be compared" text={`${failure.message}.`} />
      ) : failure ? (
        <Failed failure={failure} onRetry={comparison.reload} />
      ) : (
        <>
          <Comparing waiting={waiting} />
          <Skeleton rows={18} label="Rows" />
        </>
      )}
    </Frame>
  );
}

interface AlignedProps extends PageProps {
  readonly comparison: Comparison;
  readonly compared: Compared;
}

function Aligned(props: AlignedProps) {
  const { a, b, search, comparison, compared } = props;
  const narrow = useNarrow();
  const view = useView(comparison, search, props.onSearch, narrow);
  const { cursor } = view;
  const opened = usePair(a, b, comparison.loaded, cursor.open ? cursor.row : null);
  const [verifying, setVerifying] = useState(false);
  const unverifiable = whyNot(compared);
  const toTab = (tab: string) => props.onSearch({ ...search, tab }, false);
  useDiffKeys({
    ...view,
    close: cursor.close,
    tab: toTab,
    swap: props.onSwap,
    verify: () => setVerifying(true),
    unverifiable,
    differs: compared.first !== null,
    open: cursor.open,
    pair: opened.pair,
  });
  const only = search.only === "changes";
  const firstRow = compared.first === null ? null : comparison.loaded.rows.get(compared.first);
  return (
    <Frame
      crumbs={<Runs a={compared.a} b={compared.b} />}
      actions={
        <>
          <Link to="/cohort/$run" params={{ run: a }} search={{}} title="A against runs like it">
            cohort
          </Link>
          <Export a={a} b={b} />
          <Button tone="quiet" hint="o" pressed={only} onPress={view.toggleOnly}>
            only changes
          </Button>
        </>
      }
      status={<StatusLine comparison={comparison} row={cursor.row} only={only} />}
    >
      <Summary compared={compared} onClass={view.toClass} />
      {compared.first === null ? null : (
        <Divergence
          first={firstRow ?? null}
          report={compared.report}
          current={cursor.open && cursor.row === compared.first}
          onFirst={view.toFirst}
        />
      )}
      {compared.report.roots.length > 0 ? (
        <Causes
          report={compared.report}
          attribution={compared.attribution}
          current={cursor.open ? cursor.row : null}
          unverifiable={unverifiable}
          onRoot={view.toRoot}
          onVerify={() => setVerifying(true)}
          onStop={comparison.verification.stop}
        />
      ) : null}
      {verifying ? (
        <VerifyDialog
          a={a}
          b={b}
          runName={compared.b.name}
          onBegun={comparison.verification.begun}
          onClose={() => setVerifying(false)}
        />
      ) : null}
      {compared.total === 0 ? (
        <Empty title="Neither run has a step" text="Both recordings are empty: nothing to align." />
      ) : (
        <Panes {...props} view={view} opened={opened} narrow={narrow} onTab={toTab} />
      )}
    </Frame>
  );
}

/** Why no cause can be verified; null when one can. */
function whyNot({ report, provisional }: Compared): string | null {
  if (provisional) return "a run is still growing";
  if (report.roots.length === 0) return "nothing differs";
  return null;
}

interface PanesProps extends AlignedProps {
  readonly view: View;
  readonly opened: Opened;
  readonly narrow: boolean;
  readonly onTab: (tab: string) => void;
}

/** The list, and beside or below it the opened pair. */
function Panes(props: PanesProps) {
  const { a, b, comparison, view, narrow } = props;
  const { cursor } = view;
  const [width, setWidth] = usePairWidth();
  const line = usePreference("density") === "dense" ? 24 : 28;
  const row = view.current?.type === "row" ? comparison.loaded.rows.get(view.current.index) : null;
  return (
    <div className={styles.panes} style={{ "--pair-width": `${width}px` } as React.CSSProperties}>
      <div className={styles.rows}>
        <Rows
          a={a}
          b={b}
          segments={view.segments}
          loaded={comparison.loaded}
          cursor={view.line}
          first={props.compared.first}
          rowHeight={narrow ? 2 * line : line}
          stale={comparison.loading}
          onOpen={(index) => cursor.go(index, { open: true, visit: true })}
          onUnfold={view.unfold}
          onWant={comparison.want}
        />
      </div>
      {cursor.open && row ? (
        <>
          <Splitter
            label="Width of the pair"
            direction="column"
            value={-width}
            least={-1000}
            most={-360}
            onChange={(next) => setWidth(-next)}
          />
          <div className={styles.pair}>
            <Pair
              a={a}
              b={b}
              row={row}
              opened={props.opened}
              tab={props.search.tab}
              onTab={props.onTab}
              onClose={cursor.close}
            />
          </div>
        </>
      ) : null}
    </div>
  );
}
