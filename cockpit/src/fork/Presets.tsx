import styles from "./Composer.module.css";
import { Editor } from "./editor/Editor";
import { mayLeave, PRESET_WORDS, PRESETS } from "./presets";
import type { Composing } from "./useComposer";

const RESUMING = ["kept", ...PRESETS] as const;

/** Policies to take; what one of them says can be read, and written over as an own one. */
export function Presets({ composing }: { composing: Composing }) {
  const { settings, change, policy, planning } = composing;
  const { preset, allowance } = settings;
  const refusal = planning.current
    ? planning.plan?.refusals.find(({ field }) => field.startsWith("policy"))
    : undefined;
  return (
    <fieldset className={styles.presets}>
      <legend>Policy</legend>
      <div className={styles.choices}>
        {(settings.resumes ? RESUMING : PRESETS).map((each) => (
          <label key={each} className={styles.choice}>
            <input
              type="radio"
              name="preset"
              checked={each === preset}
              onChange={() =>
                change(
                  each === "own"
                    ? { preset: each, policy: JSON.stringify(policy.value ?? {}, null, 2) }
                    : { preset: each },
                )
              }
            />
            <span>
              <b>{PRESET_WORDS[each][0]}</b>
              <span>{PRESET_WORDS[each][1]}</span>
            </span>
          </label>
        ))}
      </div>
      {mayLeave(preset) ? (
        <div className={styles.allowance}>
          <label>
            hosts that may be reached
            <input
              value={allowance.hosts}
              placeholder="api.example.com"
              spellCheck={false}
              onChange={(event) =>
                change({ allowance: { ...allowance, hosts: event.target.value } })
              }
            />
          </label>
          <Amount
            label="calls"
            value={allowance.calls}
            onChange={(calls) => change({ allowance: { ...allowance, calls } })}
          />
          <Amount
            label="US $"
            value={allowance.usd}
            step={0.5}
            onChange={(usd) => change({ allowance: { ...allowance, usd } })}
          />
          <Amount
            label="seconds"
            value={allowance.seconds}
            onChange={(seconds) => change({ allowance: { ...allowance, seconds } })}
          />
        </div>
      ) : null}
      {preset === "kept" ? null : preset === "own" ? (
        <Editor
          text={settings.policy}
          language="json"
          before={null}
          label="Policy"
          onChange={(text) => change({ policy: text })}
        />
      ) : (
        <details className={styles.readable}>
          <summary>what it says</summary>
          <pre>{JSON.stringify(policy.value, null, 2)}</pre>
        </details>
      )}
      {policy.mistake || refusal ? (
        <p className={styles.trouble} role="alert">
          {policy.mistake ?? refusal?.message}
        </p>
      ) : null}
    </fieldset>
  );
}

function Amount({
  label,
  value,
  step = 1,
  onChange,
}: {
  label: string;
  value: number;
  step?: number;
  onChange: (value: number) => void;
}) {
  return (
    <label>
      {label}
      <input
        type="number"
        min={0}
        step={step}
        value={value}
        onChange={(event) => {
          const next = Number(event.target.value);
          if (Number.isFinite(next) && next >= 0) onChange(next);
        }}
      />
    </label>
  );
}
