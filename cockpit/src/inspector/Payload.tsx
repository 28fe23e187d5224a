import { bytes } from "../format/count";
import { shortDigest } from "../format/identity";
import { Failed, Skeleton } from "../ui/State";
import { JsonTree, RemoteTree } from "./json/JsonTree";
import { LongText } from "./json/LongText";
import styles from "./Payload.module.css";
import { type Place, preview } from "./payload";
import { useLoaded } from "./useLoaded";

export interface Artifact {
  readonly role: string;
  readonly state: "PENDING" | "CLEAN" | "AT_RISK" | "WITHHELD" | "FAILED";
  readonly reason?: string | null;
  readonly root?: string | null;
  readonly size: string;
  readonly mediaType?: string | null;
}

const REFUSED: Record<Exclude<Artifact["state"], "CLEAN">, string> = {
  PENDING: "This payload is being checked. It can be read once its redaction is done.",
  AT_RISK: "This payload is not shown: its redaction could not be proven.",
  WITHHELD: "This payload was withheld before it left the agent.",
  FAILED: "This payload could not be stored.",
};

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
        {artifact.root ? (
          <button
            type="button"
            className={styles.digest}
            title={`${artifact.root} · click copies`}
            onClick={() => void navigator.clipboard.writeText(artifact.root ?? "")}
          >
            {shortDigest(artifact.root)}
          </button>
        ) : null}
      </header>
      {artifact.state === "CLEAN" ? (
        <Value place={place} root={artifact.root ?? ""} />
      ) : (
        <p className={styles.refused} data-state={artifact.state}>
          {REFUSED[artifact.state]}
          {artifact.reason ? <> Reason: {artifact.reason.replaceAll("_", " ")}.</> : null}
          {artifact.state === "AT_RISK" ? " An administrator of the project may release it." : null}
        </p>
      )}
    </section>
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
