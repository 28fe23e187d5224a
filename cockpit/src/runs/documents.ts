/** What the run list asks. */

import { graphql } from "../graphql/generated";

export const RunRowFields = graphql(`
  fragment RunRow on Run {
    id
    name
    status
    health
    startedNs
    durationNs
    stepCount
    errorCount
    gapCount
    head
    tokensIn
    tokensOut
    costMicroUsd
    ordering
    errorClass
    verdict
    capabilities
    tags
    origin {
      runId
      kind
    }
  }
`);

export const RunsPage = graphql(`
  query RunsPage($first: Int!, $after: String, $filter: RunFilter, $orderBy: RunOrder!) {
    runs(first: $first, after: $after, filter: $filter, orderBy: $orderBy) {
      nodes {
        ...RunRow
      }
      totalCount
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

export const RunsStrip = graphql(`
  query RunsStrip($filter: RunFilter) {
    runStats(groupBy: DAY, filter: $filter) {
      group
      runs
      errors
      p95Ns
      costMicroUsd
    }
  }
`);

export const RUNS_CHANGED = "subscription RunsChanged { runsChanged }";
