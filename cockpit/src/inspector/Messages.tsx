import { useState } from "react";
import { count, plural } from "../format/count";
import { Button } from "../ui/Button";
import { Recorded } from "../ui/Recorded";
import { Failed, Skeleton } from "../ui/State";
import { JsonTree } from "./json/JsonTree";
import { LongText } from "./json/LongText";
import styles from "./Messages.module.css";
import { type Message, readMessage, unchanged } from "./messages";
import { isLeftOut, items, type Place, pointerPart } from "./payload";
import { useLoaded } from "./useLoaded";

interface Talk {
  readonly values: readonly unknown[];
  readonly total: number;
  /** Messages that this scope's last model step already had. */
  readonly known: number;
}

async function loadTalk(place: Place, previous: string | null): Promise<Talk> {
  const now = items(place, "", 0);
  const before = previous === null ? null : items({ ...place, sequence: previous }, "", 0);
  const { values, total } = await now;
  const known = before ? unchanged((await before).values, values) : 0;
  return { values, total, known };
}

/** The conversation of a model step: what is new since this scope's last one is open, the rest folded. */
export function Messages({ place, previous }: { place: Place; previous: string | null }) {
  const key = `${place.run} ${place.sequence} ${place.role} ${previous}`;
  const { value, failure, loading, retry } = useLoaded(key, () => loadTalk(place, previous));
  if (failure) return <Failed failure={failure} onRetry={retry} />;
  if (!value) return <Skeleton rows={5} label="Loading messages" />;
  return <Talking key={key} talk={value} place={place} previous={previous} stale={loading} />;
}

function Talking({
  talk,
  place,
  previous,
  stale,
}: {
  talk: Talk;
  place: Place;
  previous: string | null;
  stale: boolean;
}) {
  const [all, setAll] = useState(talk.known === 0 || talk.known === talk.total);
  const [more, setMore] = useState<readonly unknown[]>([]);
  const values = [...talk.values, ...more];
  const from = all ? 0 : talk.known;
  return (
    <div className={styles.talk} data-stale={stale}>
      {talk.known > 0 ? (
        <button
          type="button"
          className={styles.fold}
          aria-expanded={all}
          onClick={() => setAll(!all)}
        >
          <span>{all ? "▾" : "▸"}</span>
          {count(talk.known)} unchanged since #{previous}
        </button>
      ) : null}
      <ol>
        {values.slice(from).map((value, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a message is its place in the talk.
          <li key={from + at} className={styles.message} data-old={from + at < talk.known}>
            <MessageView value={value} place={place} index={from + at} />
          </li>
        ))}
      </ol>
      {values.length < talk.total ? (
        <Button
          tone="quiet"
          onPress={() =>
            void items(place, "", values.length).then((page) => setMore([...more, ...page.values]))
          }
        >
          {`${count(values.length)} of ${plural(talk.total, "message")} · load more`}
        </Button>
      ) : null}
    </div>
  );
}

function MessageView({ value, place, index }: { value: unknown; place: Place; index: number }) {
  if (isLeftOut(value)) return <JsonTree place={place} value={value} />;
  const message = readMessage(value);
  return (
    <>
      <header className={styles.role} data-role={message.role}>
        <Recorded text={message.role || "message"} />
        <span>{index + 1}</span>
      </header>
      <MessageBody message={message} place={place} pointer={pointerPart(index)} />
    </>
  );
}

/** Text, calls and whatever else a message holds. */
export function MessageBody({
  message,
  place,
  pointer,
}: {
  message: Message;
  place: Place;
  pointer: string;
}) {
  return (
    <>
      {message.text ? (
        <p className={styles.text}>
          <LongText text={message.text} place={place} pointer={pointer} cut={false} />
        </p>
      ) : null}
      {message.calls.map((call, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: calls stand in their order.
        <p key={at} className={styles.call}>
          <b>
            <Recorded text={call.name} />
          </b>
          <code>
            <Recorded
              text={call.args.length > 2_000 ? `${call.args.slice(0, 2_000)}…` : call.args}
            />
          </code>
        </p>
      ))}
      {message.rest === null ? null : <JsonTree place={place} value={message.rest} />}
    </>
  );
}
