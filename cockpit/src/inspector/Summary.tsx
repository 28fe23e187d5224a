import { Link } from "@tanstack/react-router";
import { count, money, tokens } from "../format/count";
import { duration, exactDuration, exactTime } from "../format/duration";
import { plainLine } from "../format/visible";
import { isRecord } from "../graphql/failure";
import { Recorded } from "../ui/Recorded";
import { MessageBody } from "./Messages";
import { readMessage } from "./messages";
import { type Place, preview } from "./payload";
import styles from "./Summary.module.css";
import { has, type StepOf } from "./tabs";
import { useLoaded } from "./useLoaded";

/** Error first; then the answer in short, times, tokens, cost, effect, key, strand, site, links. */
export function Summary({ run, step }: { run: string; step: StepOf }) {
  const place = { run, sequence: step.sequence };
  return (
    <div className={styles.summary}>
      {step.status === "ERROR" ? (
        <ErrorLine step={step} place={{ ...place, role: "error" }} />
      ) : null}
      <dl className={styles.facts}>
        <Fact name="started" title={exactTime(step.startNs)}>
          {exactTime(step.startNs).slice(11, 23)}
        </Fact>
        <Fact name="duration" title={exactDuration(step.durationNs)}>
          {duration(step.durationNs)}
        </Fact>
        <Fact name="model">{step.model}</Fact>
        <Fact name="tokens">{tokenLine(step)}</Fact>
        <Fact name="cost">{step.costMicroUsd == null ? null : money(step.costMicroUsd)}</Fact>
        <Fact name="finish">{step.finishReason}</Fact>
        <Fact name="attempts">{step.attempts > 1 ? count(step.attempts) : null}</Fact>
        <Fact name="stream">{step.chunks == null ? null : `${count(step.chunks)} chunks`}</Fact>
        <Fact name="effect">{step.effect?.toLowerCase().replaceAll("_", " ")}</Fact>
        <Fact name="subtype">{step.subtype}</Fact>
        <Fact name="call key" code>
          {step.key}
        </Fact>
        <Fact name="strand" code>
          {step.strand}
        </Fact>
        <Fact name="site" code>
          {step.site}
        </Fact>
        <Fact name="codec" code>
          {step.codec}
        </Fact>
      </dl>
      <p className={styles.links}>
        {step.parentSequence == null ? null : (
          <StepLink run={run} sequence={step.parentSequence} word="parent" />
        )}
        {step.askedBy ? (
          <StepLink run={run} sequence={step.askedBy.sequence} word="asked for by" />
        ) : null}
        {step.answers.map((answer) => (
          <StepLink
            key={answer.id}
            run={run}
            sequence={answer.sequence}
            word={`${plainLine(answer.name)} answers in`}
          />
        ))}
        {step.previousSameScope ? (
          <StepLink run={run} sequence={step.previousSameScope.sequence} word="model step before" />
        ) : null}
      </p>
      {has(step, "output") && clean(step, "output") ? (
        <Answer place={{ ...place, role: "output" }} />
      ) : null}
    </div>
  );
}

function clean(step: StepOf, role: string): boolean {
  return step.artifacts.some((artifact) => artifact.role === role && artifact.state === "CLEAN");
}

function tokenLine(step: StepOf): string | null {
  if (step.tokensIn == null && step.tokensOut == null) return null;
  return `${tokens(step.tokensIn)} in, ${tokens(step.tokensOut)} out`;
}

function Fact({
  name,
  children,
  title,
  code = false,
}: {
  name: string;
  children: string | null | undefined;
  title?: string;
  code?: boolean;
}) {
  if (children == null || children === "") return null;
  return (
    <div>
      <dt>{name}</dt>
      <dd title={title} data-code={code}>
        <Recorded text={children} />
      </dd>
    </div>
  );
}

function StepLink({ run, sequence, word }: { run: string; sequence: string; word: string }) {
  return (
    <Link to="/runs/$run/steps/$step" params={{ run, step: sequence }} search={true}>
      {word} #{sequence}
    </Link>
  );
}

function ErrorLine({ step, place }: { step: StepOf; place: Place }) {
  const key = `${place.run} ${place.sequence} error`;
  const readable = clean(step, "error");
  const { value } = useLoaded(key, async () => (readable ? (await preview(place, "")).json : null));
  const message = isRecord(value) && typeof value.message === "string" ? value.message : "";
  return (
    <p className={styles.error} role="note">
      <b>▲ {step.errorClass ?? "error"}</b>
      {message ? (
        <>
          {": "}
          <Recorded text={message.slice(0, 4_000)} />
        </>
      ) : null}
    </p>
  );
}

/** The answer as a reader wants it first: the text of a message, else the value in short. */
function Answer({ place }: { place: Place }) {
  const key = `${place.run} ${place.sequence} answer`;
  const { value } = useLoaded(key, () => preview(place, "", 8_192));
  if (!value || (value.truncated && value.text == null)) return null;
  const message = answerMessage(value.text ?? value.json);
  return (
    <section className={styles.answer}>
      <h3>answer</h3>
      <MessageBody message={message} place={place} pointer="" />
    </section>
  );
}

/** The message in a chat completion, a message itself, text, or the value as it is. */
function answerMessage(value: unknown) {
  if (typeof value === "string") return { role: "", text: value, calls: [], rest: null };
  if (isRecord(value) && Array.isArray(value.choices)) {
    const first: unknown = value.choices[0];
    if (isRecord(first) && isRecord(first.message)) return readMessage(first.message);
  }
  // a derived run has a list of answers, nearly always of one
  const only: unknown = Array.isArray(value) && value.length === 1 ? value[0] : value;
  const isMessage = isRecord(only) && "role" in only && ("content" in only || "parts" in only);
  if (isMessage) return readMessage(only);
  return { role: "", text: "", calls: [], rest: value };
}
