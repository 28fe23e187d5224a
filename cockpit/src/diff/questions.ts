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
  readonly totalCount: number;
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
  readonly nodes: readonly Row[];
}

export interface Head {
  readonly diff: {
    readonly a: Side;
    readonly b: Side;
    readonly verdict: string;
    readonly provisional: boolean;
    readonly report: unknown;
    readonly firstDivergence: { readonly index: number } | null;
    readonly rows: RowPage;
    readonly changes: RowPage;
  };
}

/** Most rows the server hands out at once. */
export const PAGE = 200;
/** Rows of the first answer: what the first view can show. */
const FIRST = 64;

/** Every class but `same`: these rows are all loaded, the equal ones between them when looked at. */
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
const ROWS = `totalCount pageInfo { hasNextPage endCursor } nodes { ${ROW} }`;
const SIDE = "id name status tags stepCount origin { kind cutKey }";

export const DIFF_HEAD = `query DiffHead($a: ID!, $b: ID!, $changed: [String!]!) {
  diff(a: $a, b: $b) {
    a { ${SIDE} }
    b { ${SIDE} }
    verdict provisional report
    firstDivergence { index }
    rows(first: ${FIRST}) { ${ROWS} }
    changes: rows(first: ${FIRST}, only: $changed) { ${ROWS} }
  }
}`;

export const DIFF_ROWS = `query DiffRows(
  $a: ID!, $b: ID!, $after: String, $from: Int! = 0, $only: [String!]
) {
  diff(a: $a, b: $b) { rows(first: ${PAGE}, after: $after, from: $from, only: $only) { ${ROWS} } }
}`;

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
