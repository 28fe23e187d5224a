/** What the diff page asks, on the bare client: positions of rows matter here, not entities. */

import type { Kind, Status } from "../graphql/generated/graphql";

export interface Side {
  readonly id: string;
  readonly name: string;
  readonly status: Status;
  readonly tags: readonly string[];
  readonly stepCount: number;
  readonly origin: { readonly kind: string; readonly cutKey: string | null } | null;
}

export interface RowStep {
  readonly sequence: string;
  readonly kind: Kind;
  readonly name: string;
  readonly status: Status;
  readonly depth: number;
  readonly errorClass: string | null;
  readonly replay: { readonly mode: string } | null;
}

/** A line of the comparison: a pair of steps, or a step of one side. */
export interface Row {
  readonly index: number;
  readonly class: string;
  readonly sub: string | null;
  readonly how: string;
  readonly parts: readonly string[];
  readonly left: RowStep | null;
  readonly right: RowStep | null;
}

export interface RowPage {
  readonly nodes: readonly Row[];
}

/** The class of each row of a stretch, one byte each. */
export interface Classes {
  readonly start: number;
  readonly total: number;
  /** Base64, u8: an index in `classes`. */
  readonly class: string;
  readonly classes: readonly string[];
}

/** A verification of the roots by replays. */
export interface Attribution {
  readonly id: string;
  /** Counts its changes. */
  readonly n: number;
  readonly state: string;
  readonly reason: string | null;
  readonly message: string | null;
  /** Arms of the replays that run now. */
  readonly awaits: readonly string[];
  readonly report: unknown;
}

export interface Facts {
  readonly attribution: Attribution | null;
  readonly verdict: string;
  readonly provisional: boolean;
  readonly report: unknown;
  readonly firstDivergence: { readonly index: number } | null;
}

export interface Head {
  readonly diff: Facts & {
    readonly a: Side;
    readonly b: Side;
    readonly pairs: Classes;
    readonly rows: RowPage;
    readonly changes: RowPage;
  };
}

export interface Sides {
  readonly a: Side | null;
  readonly b: Side | null;
}

/** Most classes the server hands out at once. */
export const STRETCH = 65_536;
/** Rows that are asked for at once: somewhat more than a view. */
const PAGE = 80;
/** Changed rows of the first answer: what the first view can show. */
const FIRST = 32;

/** Every class but `same`. */
export const CHANGED = [
  "integrity",
  "origin",
  "intervention",
  "propagated",
  "absorbed",
  "inserted",
  "removed",
  "unknown",
] as const;

const STEP = "sequence kind name status depth errorClass replay { mode }";
const ROW = `index class sub how parts left { ${STEP} } right { ${STEP} }`;
const CLASSES = "start total class classes";
const ATTRIBUTION = "id n state reason message awaits report";
const FACTS = `verdict provisional report firstDivergence { index } attribution { ${ATTRIBUTION} }`;
const SIDE = "id name status tags stepCount origin { kind cutKey }";

/** First view: what differs, the classes of all rows, the changed rows of the first view, and the
 * rows round the one that the address names. */
export const DIFF_HEAD = `query DiffHead($a: ID!, $b: ID!, $changed: [String!]!, $from: Int!, $near: Int!) {
  diff(a: $a, b: $b) {
    a { ${SIDE} }
    b { ${SIDE} }
    ${FACTS}
    pairs(count: ${STRETCH}) { ${CLASSES} }
    rows(first: $near, from: $from) { nodes { ${ROW} } }
    changes: rows(first: ${FIRST}, only: $changed) { nodes { ${ROW} } }
  }
}`;

/** The two runs alone: what can be said at once of a comparison that takes a while. */
export const DIFF_SIDES = `query DiffSides($a: ID!, $b: ID!) {
  a: run(id: $a) { ${SIDE} }
  b: run(id: $b) { ${SIDE} }
}`;

/** The report of a comparison that has grown. */
export const DIFF_FACTS = `query DiffFacts($a: ID!, $b: ID!) {
  diff(a: $a, b: $b) { b { ${SIDE} } ${FACTS} }
}`;

export const DIFF_CLASSES = `query DiffClasses($a: ID!, $b: ID!, $start: Int!) {
  diff(a: $a, b: $b) { pairs(start: $start, count: ${STRETCH}) { ${CLASSES} } }
}`;

export const DIFF_ROWS = `query DiffRows($a: ID!, $b: ID!, $from: Int!, $only: [String!]) {
  diff(a: $a, b: $b) { rows(first: ${PAGE}, from: $from, only: $only) { nodes { ${ROW} } } }
}`;

/** Asks for a comparison that takes longer than a reader waits; asking again changes nothing. */
export const REQUEST_DIFF = `mutation RequestDiff($input: RequestDiffInput!) {
  requestDiff(input: $input) { state phase error }
}`;

export const DIFF_REQUEST = `query DiffRequest($a: ID!, $b: ID!) {
  diffRequest(a: $a, b: $b) { state phase error }
}`;

export interface Requested {
  readonly state: string;
  readonly phase: string | null;
  readonly error: string | null;
}

/** Each state of a comparison whose runs grow. */
export const DIFF_PROGRESS = `subscription DiffProgress($a: ID!, $b: ID!) {
  diffProgress(a: $a, b: $b) {
    verdict provisional counts fromRow total rootCount
    firstDivergence { index }
    pairs { ${CLASSES} }
  }
}`;

export interface Grown {
  readonly diffProgress: {
    readonly verdict: string;
    readonly provisional: boolean;
    readonly counts: Readonly<Record<string, number>>;
    readonly fromRow: number;
    readonly total: number;
    readonly rootCount: number;
    readonly firstDivergence: { readonly index: number } | null;
    readonly pairs: Classes;
  };
}

export interface MoreRows {
  readonly diff: { readonly rows: RowPage };
}

export interface Preview {
  readonly type: string;
  readonly text: string | null;
  readonly json: unknown;
  readonly truncated: boolean;
}

interface Look {
  readonly preview: Preview;
}

interface State {
  readonly state: string;
}

/** A refused look is null, its state tells why; null for both when there is no such payload. */
export interface Glance {
  readonly answer: Look | null;
  readonly answerState: State | null;
  readonly args: Look | null;
  readonly argsState: State | null;
  readonly query: Look | null;
  readonly queryState: State | null;
}

export interface Glances {
  readonly diff: {
    readonly rows: {
      readonly nodes: readonly {
        readonly index: number;
        readonly left: Glance | null;
        readonly right: Glance | null;
      }[];
    };
  };
}

const LOOK = "preview(maxBytes: 1200) { type text json truncated }";
const GLANCE = `answer: artifact(role: "output") { ${LOOK} }
    answerState: artifact(role: "output") { state }
    args: artifact(role: "input.args") { ${LOOK} }
    argsState: artifact(role: "input.args") { state }
    query: artifact(role: "input.query") { ${LOOK} }
    queryState: artifact(role: "input.query") { state }`;

/** The beginnings of what the steps of some rows were asked and answered; some may be refused. */
export const DIFF_GLANCES = `query DiffGlances(
  $a: ID!, $b: ID!, $first: Int!, $from: Int!, $only: [String!]
) {
  diff(a: $a, b: $b) {
    rows(first: $first, from: $from, only: $only) {
      nodes { index left { ${GLANCE} } right { ${GLANCE} } }
    }
  }
}`;

export interface PairStep extends RowStep {
  readonly id: string;
  readonly key: string;
  readonly durationNs: string | null;
  readonly tokensIn: number | null;
  readonly tokensOut: number | null;
  readonly costMicroUsd: string | null;
  readonly attempts: number;
  readonly model: string | null;
  readonly effect: string | null;
  readonly codec: string | null;
  readonly signature: string | null;
  readonly finishReason: string | null;
  readonly parts: readonly { readonly name: string; readonly root: string | null }[];
  readonly artifacts: readonly {
    readonly role: string;
    readonly state: string;
    readonly reason: string | null;
    readonly root: string | null;
    readonly size: string;
  }[];
}

export interface OpenedPair {
  readonly diff: {
    readonly rows: {
      readonly nodes: readonly {
        readonly index: number;
        readonly delta: unknown;
        readonly left: PairStep | null;
        readonly right: PairStep | null;
      }[];
    };
  };
}

const PAIR_STEP = `id key ${STEP} durationNs tokensIn tokensOut costMicroUsd attempts model
  effect codec signature finishReason parts { name root } artifacts { role state reason root size }`;

export const DIFF_PAIR = `query DiffPair($a: ID!, $b: ID!, $from: Int!) {
  diff(a: $a, b: $b) {
    rows(first: 1, from: $from) {
      nodes { index delta left { ${PAIR_STEP} } right { ${PAIR_STEP} } }
    }
  }
}`;

export interface StepValue {
  readonly step: { readonly artifact: Look | null } | null;
}

/** One payload of a step that stands alone, or that is equal on both sides. */
export const STEP_VALUE = `query DiffStepValue($step: ID!, $role: String!) {
  step(id: $step) {
    artifact(role: $role) { preview(maxBytes: 32768) { type text json truncated } }
  }
}`;

export const ATTRIBUTION_PROGRESS = `subscription AttributionProgress($id: ID!) {
  attributionProgress(id: $id) { ${ATTRIBUTION} }
}`;

const PLAN = `least most roots { row key name edits } replay {
  executor hosts waits says notes refusals { code message field }
  budgets { calls tokens costUsd wallS } effects { name mode allowed }
}`;

export interface VerifyPlan {
  readonly least: number;
  readonly most: number;
  readonly roots: readonly {
    readonly row: number;
    readonly key: string;
    readonly name: string;
    readonly edits: readonly string[];
  }[];
  readonly replay: {
    readonly executor: string;
    readonly hosts: readonly string[];
    readonly waits: string | null;
    readonly says: readonly string[];
    readonly notes: readonly string[];
    readonly refusals: readonly {
      readonly code: string;
      readonly message: string;
      readonly field: string;
    }[];
    readonly budgets: {
      readonly calls: number;
      readonly tokens: string;
      readonly costUsd: number;
      readonly wallS: number;
    };
    readonly effects: readonly {
      readonly name: string;
      readonly mode: string;
      readonly allowed: boolean;
    }[];
  };
}

export interface Verifying {
  readonly verifyCause: { readonly plan: VerifyPlan; readonly attribution: Attribution | null };
}

export const VERIFY_CAUSE = `mutation VerifyCause($input: VerifyCauseInput!) {
  verifyCause(input: $input) { plan { ${PLAN} } attribution { ${ATTRIBUTION} } }
}`;

export const CANCEL_VERIFICATION = `mutation CancelVerification($id: ID!) {
  cancelVerification(input: { attribution: $id }) { attribution { ${ATTRIBUTION} } }
}`;

export interface Written {
  readonly diff: { readonly markdown?: string; readonly html?: string };
}

export const DIFF_MARKDOWN = `query DiffMarkdown($a: ID!, $b: ID!) {
  diff(a: $a, b: $b) { markdown }
}`;

export const DIFF_HTML = `query DiffHtml($a: ID!, $b: ID!) { diff(a: $a, b: $b) { html } }`;
