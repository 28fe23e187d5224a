import { useState } from "react";
import { bytes } from "../../format/count";
import { readBlob, readBytes, type Source } from "../../graphql/artifact";
import { failureOf } from "../../graphql/failure";
import { Button } from "../../ui/Button";
import { Chip } from "../../ui/Chip";
import { Recorded } from "../../ui/Recorded";
import { Failed, Skeleton } from "../../ui/State";
import { type Artifact, DigestButton, Refused } from "../Payload";
import { useLoaded } from "../useLoaded";
import styles from "./Files.module.css";
import { ImageCard } from "./ImageCard";
import { fileName, filesOf, savedName } from "./names";
import { HEAD_BYTES, type Held, hexLines, TAIL_BYTES } from "./pieces";
import { type Sort, sortOf } from "./sniff";
import { TextFile } from "./TextFile";

/** Files that were attached to a step or a run. */
export function Files({ run, artifacts }: { run: string; artifacts: readonly Artifact[] }) {
  return filesOf(artifacts).map((file) => <FileView key={file.role} run={run} file={file} />);
}

function FileView({ run, file }: { run: string; file: Artifact }) {
  const name = fileName(file.role) ?? file.role;
  const readable = file.state === "CLEAN" && file.root != null;
  const source = { run, digest: file.root ?? "" };
  return (
    <section className={styles.file} aria-label={name}>
      <header className={styles.head}>
        <h3>
          <Recorded text={name} />
        </h3>
        <span>{bytes(file.size)}</span>
        {file.mediaType ? (
          <Chip title="as the sender named it">
            <Recorded text={file.mediaType.slice(0, 80)} />
          </Chip>
        ) : null}
        {file.root ? <DigestButton digest={file.root} /> : null}
        {readable ? <Download source={source} name={name} /> : null}
      </header>
      {readable ? (
        <Preview source={source} size={Number(file.size)} name={name} />
      ) : file.state === "CLEAN" ? (
        <p className={styles.note}>Reading payload needs a token with the scope read:payload.</p>
      ) : (
        <Refused state={file.state} reason={file.reason ?? null} what="file" />
      )}
    </section>
  );
}

interface Looked {
  readonly sort: Sort;
  readonly held: Held;
}

/** Both ends of a text, else the beginning: enough to tell what it is, and to show the most of it. */
async function look(source: Source, size: number): Promise<Looked> {
  const head = await readBytes(source, 0, Math.min(size, HEAD_BYTES));
  const sort = sortOf(head);
  const from = sort.is === "text" ? Math.max(head.length, size - TAIL_BYTES) : size;
  const tail = await readBytes(source, from, size);
  return { sort, held: { size, head, tail } };
}

function Preview({ source, size, name }: { source: Source; size: number; name: string }) {
  const key = `${source.run} ${source.digest}`;
  const { value, failure, retry } = useLoaded(key, () => look(source, size));
  if (failure) return <Failed failure={failure} onRetry={retry} />;
  if (!value) return <Skeleton rows={3} label={`Loading ${name}`} />;
  const { sort, held } = value;
  if (size === 0) return <p className={styles.note}>The file is empty.</p>;
  switch (sort.is) {
    case "image":
      return (
        <ImageCard source={source} type={sort.type} size={size} head={held.head} name={name} />
      );
    case "text":
      return <TextFile key={key} source={source} first={held} />;
    case "binary":
      return (
        <>
          <p className={styles.note}>No text and no known image: its first bytes.</p>
          <pre className={styles.hex}>{hexLines(held.head).join("\n")}</pre>
        </>
      );
  }
}

/** Saves the file under its name; what is wrong with that stands beside the button. */
function Download({ source, name }: { source: Source; name: string }) {
  const [state, setState] = useState<"idle" | "loading" | string>("idle");
  const save = () => {
    setState("loading");
    readBlob(source)
      .then((blob) => {
        hand(blob, savedName(name));
        setState("idle");
      })
      .catch((error: unknown) => setState(failureOf(error).message));
  };
  return (
    <span className={styles.download}>
      <Button tone="quiet" disabled={state === "loading"} onPress={save}>
        {state === "loading" ? "loading…" : "download"}
      </Button>
      {state === "idle" || state === "loading" ? null : <span role="alert">{state}</span>}
    </span>
  );
}

function hand(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
