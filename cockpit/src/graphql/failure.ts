/** What went wrong with a request, in the words a pane shows. */

import { CombinedError } from "@urql/core";

export interface Failure {
  /** `NOT_FOUND`, `UNAUTHENTICATED`, …; `NETWORK` when no answer came. */
  readonly code: string;
  readonly message: string;
  /** Error id of the server, for support; null when it gave none. */
  readonly errorId: string | null;
}

export class RequestFailed extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.name = "RequestFailed";
    this.failure = failure;
  }
}

const UNREACHABLE: Failure = {
  code: "NETWORK",
  message: "The server cannot be reached.",
  errorId: null,
};

/** The failure behind whatever was thrown or returned as an error. */
export function failureOf(error: unknown): Failure {
  if (error instanceof RequestFailed) return error.failure;
  if (error instanceof CombinedError) {
    const first = error.graphQLErrors[0];
    if (first) return graphqlFailure(first.message, first.extensions);
    const status: unknown = error.response?.status;
    return typeof status === "number" && status >= 400 ? httpFailure(status) : UNREACHABLE;
  }
  if (error instanceof TypeError) return UNREACHABLE;
  const message = error instanceof Error ? error.message : "Something failed.";
  return { code: "INTERNAL", message, errorId: null };
}

export function graphqlFailure(message: string, extensions: unknown): Failure {
  const facts: Record<string, unknown> = isRecord(extensions) ? extensions : {};
  const code = typeof facts.code === "string" ? facts.code : "INTERNAL";
  const errorId = typeof facts.errorId === "string" ? facts.errorId : null;
  return { code, message, errorId };
}

export function httpFailure(status: number): Failure {
  const code = status === 401 ? "UNAUTHENTICATED" : `HTTP_${status}`;
  const message =
    status === 401 ? "This server wants an access token." : `The server answered ${status}.`;
  return { code, message, errorId: null };
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
