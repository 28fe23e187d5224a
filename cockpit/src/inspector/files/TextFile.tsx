import { useMemo, useState } from "react";
import { bytes, count } from "../../format/count";
import { readBytes, type Source } from "../../graphql/artifact";
import { type Failure, failureOf } from "../../graphql/failure";
import { Button } from "../../ui/Button";
import { Recorded } from "../../ui/Recorded";
import { JsonTree } from "../json/JsonTree";
import styles from "./Files.module.css";
import { grown, type Held, jsonOf, MORE_BYTES, missing, nextRange, textOf } from "./pieces";

/** A text from both ends, its middle in ranges on request; whole JSON also as a tree. */
export function TextFile({ source, first }: { source: Source; first: Held }) {
  const [held, setHeld] = useState(first);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [loading, setLoading] = useState(false);
  const [plain, setPlain] = useState(false);
  const { head, tail } = useMemo(() => textOf(held), [held]);
  const left = missing(held);
  const json = useMemo(() => (left === 0 ? jsonOf(head) : undefined), [left, head]);
  const next = nextRange(held);
  const load = () => {
    if (!next || loading) return;
    setLoading(true);
    setFailure(null);
    readBytes(source, next.from, next.to)
      .then((more) => setHeld(grown(held, more)))
      .catch((error: unknown) => setFailure(failureOf(error)))
      .finally(() => setLoading(false));
  };
  return (
    <>
      {json === undefined ? null : (
        <p className={styles.ways}>
          <Button tone="quiet" pressed={!plain} onPress={() => setPlain(false)}>
            JSON
          </Button>
          <Button tone="quiet" pressed={plain} onPress={() => setPlain(true)}>
            text
          </Button>
        </p>
      )}
      {json !== undefined && !plain ? (
        <JsonTree place={null} value={json} />
      ) : (
        <pre className={styles.text}>
          <Recorded text={head} />
          {left > 0 ? (
            <span className={styles.gap}>
              <span>
                {count(left)} bytes not loaded ({bytes(left)})
              </span>
              {next ? (
                <Button tone="quiet" disabled={loading} onPress={load}>
                  {loading ? "loading…" : `load ${bytes(Math.min(left, MORE_BYTES))} more`}
                </Button>
              ) : (
                <span>this page is full: download it for the rest</span>
              )}
              {failure ? <span role="alert">{failure.message}</span> : null}
            </span>
          ) : null}
          {tail ? <Recorded text={tail} /> : null}
        </pre>
      )}
    </>
  );
}
