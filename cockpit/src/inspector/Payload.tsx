import { bytes } from "../format/count";
import { shortDigest } from "../format/identity";
import { Failed, Skeleton } from "../ui/State";
import { JsonTree, RemoteTree } from "./json/JsonTree";
import { LongText } from "./json/LongText";
import styles from "./Payload.module.css";
import { type Place, preview } from "./payload";
import { type RefusedState, refusedWords } from "./refused";
import { useLoaded } from "./useLoaded";

export interface Artifact {
  readonly role: string;
  readonly state: "PENDING" | "CLEAN" | "AT_RISK" | "WITHHELD" | "FAILED";
  readonly reason?: string | null;
  readonly root?: string | null;
  readonly size: string;
  readonly mediaType?: string | null;
}

/** One artifact with its name and size; or, when it cannot be read, why. */
export function ArtifactView({
  run,
  sequence,
  artifact,
  label,
}: {
  run: string;
  sequence: string;
  artifact: Artifact;
  label?: string;
}) {
  const place = { run, sequence, role: artifact.role };
  return (
    <section className={styles.artifact} aria-label={label ?? artifact.role}>
      <header className={styles.head}>
        {label ? <h3>{label}</h3> : null}
        <span>{bytes(artifact.size)}</span>
        {artifact.root ? <DigestButton digest={artifact.root} /> : null}
      </header>
      {artifact.state === "CLEAN" ? (
        <Value place={place} root={artifact.root ?? ""} />
      ) : (
        <Refused state={artifact.state} reason={artifact.reason ?? null} what="payload" />
      )}
    </section>
  );
}

/** The beginning of a digest; a click copies all of it. */
export function DigestButton({ digest }: { digest: string }) {
  return (
    <button
      type="button"
      className={styles.digest}
      title={`${digest} · click copies`}
      onClick={() => void navigator.clipboard.writeText(digest)}
    >
      {shortDigest(digest)}
    </button>
  );
}

/** Why a payload or file cannot be read, and who can do something about it. */
export function Refused({
  state,
  reason,
  what,
}: {
  state: RefusedState;
  reason: string | null;
  what: "payload" | "file";
}) {
  const { sentence, way } = refusedWords(state, reason, what);
  return (
    <p className={styles.refused} data-state={state}>
      <b>{state.toLowerCase().replace("_", " ")}</b> {sentence}
      {reason ? (
        <>
          {" "}
          Reason: <code>{reason}</code>.
        </>
      ) : null}
      {way ? ` ${way}` : null}
    </p>
  );
}

function Value({ place, root }: { place: Place; root: string }) {
  const key = `${place.run} ${place.sequence} ${place.role} ${root}`;
  const { value, failure, loading, retry } = useLoaded(key, () => preview(place, ""));
  if (failure) return <Failed failure={failure} onRetry={retry} />;
  if (!value) return <Skeleton rows={3} label="Loading payload" />;
  return (
    <div className={styles.value} data-stale={loading}>
      {value.text == null ? (
        value.truncated ? (
          <RemoteTree place={place} pointer="" total={value.count ?? 0} />
        ) : (
          <JsonTree key={key} place={place} value={value.json} />
        )
      ) : (
        <p className={styles.text}>
          <LongText
            key={key}
            text={value.text}
            place={place}
            pointer=""
            cut={value.truncated}
            size={value.size}
          />
        </p>
      )}
    </div>
  );
}
