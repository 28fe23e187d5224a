import { useState } from "react";
import { bytes, count, plural } from "../../format/count";
import { Button } from "../../ui/Button";
import { Recorded } from "../../ui/Recorded";
import { isLeftOut, items, PAGE, type Place, pointerPart } from "../payload";
import { useLoaded } from "../useLoaded";
import styles from "./JsonTree.module.css";
import { LongText } from "./LongText";
import { entriesOf, inShort, shapeOf } from "./text";

/** Containers of up to this many entries open by themselves, two levels deep. */
const OPEN_ENTRIES = 24;
const OPEN_DEPTH = 2;

interface NodeProps {
  /** Where left-out children are asked for; null for a value that is whole. */
  readonly place: Place | null;
  readonly pointer: string;
  readonly label: string | null;
  readonly value: unknown;
  readonly depth: number;
}

/** A JSON value as a tree; children beyond the first 200, and large ones, load when unfolded. */
export function JsonTree({ place, value }: { place: Place | null; value: unknown }) {
  return (
    <ul className={styles.tree}>
      <Node place={place} pointer="" label={null} value={value} depth={0} />
    </ul>
  );
}

/** A container too large to be sent whole: its entries, 200 at a time. */
export function RemoteTree({
  place,
  pointer,
  total,
}: {
  place: Place;
  pointer: string;
  total: number;
}) {
  return (
    <ul className={styles.tree}>
      <Pages place={place} pointer={pointer} total={total} depth={0} />
    </ul>
  );
}

function Node(props: NodeProps) {
  const { label, value, depth, place, pointer } = props;
  const shape = shapeOf(value);
  if (place && isLeftOut(value)) return <LeftOut {...props} place={place} size={value.size} />;
  if (shape === "object" || shape === "array") return <Container {...props} />;
  return (
    <li className={styles.leaf}>
      <Label label={label} />
      {typeof value === "string" ? (
        <span className={styles.string}>
          <LongText text={value} place={place} pointer={pointer} cut={false} />
        </span>
      ) : (
        <span className={styles.scalar}>{String(value ?? null)}</span>
      )}
      {depth === 0 ? null : <CopyPath pointer={pointer} />}
    </li>
  );
}

function Container({ label, value, depth, place, pointer }: NodeProps) {
  const entries = entriesOf(value);
  const [open, setOpen] = useState(depth < OPEN_DEPTH && entries.length <= OPEN_ENTRIES);
  const [shown, setShown] = useState(PAGE);
  const array = Array.isArray(value);
  if (entries.length === 0) {
    return (
      <li className={styles.leaf}>
        <Label label={label} />
        <span className={styles.scalar}>{array ? "[ ]" : "{ }"}</span>
      </li>
    );
  }
  return (
    <li>
      <button
        type="button"
        className={styles.fold}
        aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        <span className={styles.arrow}>{open ? "▾" : "▸"}</span>
        <Label label={label} />
        <span className={styles.summary}>
          {open ? sized(array, entries.length) : inShort(value)}
        </span>
      </button>
      {open ? (
        <ul className={styles.children}>
          {entries.slice(0, shown).map(([key, item]) => (
            <Node
              key={key}
              place={place}
              pointer={pointer + pointerPart(key)}
              label={key}
              value={item}
              depth={depth + 1}
            />
          ))}
          {entries.length > shown ? (
            <li>
              <Button tone="quiet" onPress={() => setShown(shown + PAGE)}>
                {`${count(shown)} of ${count(entries.length)} · show ${PAGE} more`}
              </Button>
            </li>
          ) : null}
        </ul>
      ) : null}
    </li>
  );
}

function sized(array: boolean, entries: number): string {
  return array ? `[${plural(entries, "item")}]` : `{${plural(entries, "key")}}`;
}

/** A child over 64 KiB: fetched when unfolded. */
function LeftOut({
  label,
  size,
  place,
  pointer,
  depth,
}: NodeProps & { place: Place; size: number }) {
  const [open, setOpen] = useState(false);
  return (
    <li>
      <button
        type="button"
        className={styles.fold}
        aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        <span className={styles.arrow}>{open ? "▾" : "▸"}</span>
        <Label label={label} />
        <span className={styles.summary}>{bytes(size)}, loads when unfolded</span>
      </button>
      {open ? (
        <ul className={styles.children}>
          <Pages place={place} pointer={pointer} total={null} depth={depth + 1} />
        </ul>
      ) : null}
    </li>
  );
}

function Pages({
  place,
  pointer,
  total,
  depth,
}: {
  place: Place;
  pointer: string;
  total: number | null;
  depth: number;
}) {
  const [pages, setPages] = useState(1);
  return (
    <>
      {Array.from({ length: pages }, (_, page) => (
        <PageOf
          // biome-ignore lint/suspicious/noArrayIndexKey: a page is its number.
          key={page}
          place={place}
          pointer={pointer}
          page={page}
          depth={depth}
          last={page === pages - 1}
          total={total}
          onMore={() => setPages(pages + 1)}
        />
      ))}
    </>
  );
}

function PageOf({
  place,
  pointer,
  page,
  depth,
  last,
  total,
  onMore,
}: {
  place: Place;
  pointer: string;
  page: number;
  depth: number;
  last: boolean;
  total: number | null;
  onMore: () => void;
}) {
  const key = `${place.run} ${place.sequence} ${place.role} ${pointer} ${page}`;
  const { value, failure, retry } = useLoaded(key, () => items(place, pointer, page * PAGE));
  if (failure) {
    return (
      <li className={styles.leaf}>
        <span className={styles.scalar}>{failure.message}</span>
        <Button tone="quiet" onPress={retry}>
          Retry
        </Button>
      </li>
    );
  }
  if (!value) return <li className={styles.leaf}>…</li>;
  const whole = total ?? value.total;
  const until = page * PAGE + value.values.length;
  return (
    <>
      {value.values.map((item, at) => {
        const label = value.keys?.[at] ?? String(page * PAGE + at);
        return (
          <Node
            key={label}
            place={place}
            pointer={pointer + pointerPart(label)}
            label={label}
            value={item}
            depth={depth + 1}
          />
        );
      })}
      {last && until < whole ? (
        <li>
          <Button
            tone="quiet"
            onPress={onMore}
          >{`${count(until)} of ${count(whole)} · load ${PAGE} more`}</Button>
        </li>
      ) : null}
    </>
  );
}

function Label({ label }: { label: string | null }) {
  return label === null ? null : (
    <span className={styles.key}>
      <Recorded text={label} />
    </span>
  );
}

function CopyPath({ pointer }: { pointer: string }) {
  return (
    <button
      type="button"
      className={styles.path}
      title={`Copy the pointer ${pointer}`}
      aria-label={`Copy the pointer ${pointer}`}
      onClick={() => void navigator.clipboard.writeText(pointer)}
    >
      ⧉
    </button>
  );
}
