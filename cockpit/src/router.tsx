import { createRootRoute, createRoute, createRouter, redirect } from "@tanstack/react-router";
import * as v from "valibot";
import { CohortRoute } from "./routes/cohort";
import { DiffRoute } from "./routes/diff";
import { ForkRoute } from "./routes/fork";
import { NotFound, Root } from "./routes/root";
import { RunRoute } from "./routes/run";
import { RunsRoute } from "./routes/runs";
import {
  cohortSearch,
  diffSearch,
  forkSearch,
  runSearch,
  runsSearch,
  sessionSearch,
} from "./routes/search";
import { SessionRoute } from "./routes/session";
import { SignInRoute } from "./routes/signin";

const root = createRootRoute({ component: Root, notFoundComponent: NotFound });

const home = createRoute({
  getParentRoute: () => root,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: "/runs", search: {} });
  },
});

const runs = createRoute({
  getParentRoute: () => root,
  path: "/runs",
  validateSearch: runsSearch,
  component: RunsRoute,
});

const run = createRoute({
  getParentRoute: () => root,
  path: "/runs/$run",
  validateSearch: runSearch,
  component: RunRoute,
});

/** Renders nothing of its own: the run page reads the step from the path. */
const step = createRoute({ getParentRoute: () => run, path: "/steps/$step" });

const fork = createRoute({
  getParentRoute: () => root,
  path: "/runs/$run/fork/$step",
  validateSearch: forkSearch,
  component: ForkRoute,
});

const session = createRoute({
  getParentRoute: () => root,
  path: "/replays/$session",
  validateSearch: sessionSearch,
  component: SessionRoute,
});

const diff = createRoute({
  getParentRoute: () => root,
  path: "/diff/$pair",
  validateSearch: diffSearch,
  component: DiffRoute,
});

const cohort = createRoute({
  getParentRoute: () => root,
  path: "/cohort/$run",
  validateSearch: cohortSearch,
  component: CohortRoute,
});

const signIn = createRoute({
  getParentRoute: () => root,
  path: "/sign-in",
  validateSearch: v.object({ to: v.fallback(v.optional(v.string()), undefined) }),
  component: SignInRoute,
});

export const router = createRouter({
  routeTree: root.addChildren([
    home,
    runs,
    run.addChildren([step]),
    fork,
    session,
    diff,
    cohort,
    signIn,
  ]),
  defaultPreload: false,
  scrollRestoration: false,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
