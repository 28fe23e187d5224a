/** What is asked of the replay room: plans, sessions, runners. */

import { graphql } from "../graphql/generated";

export const PlanReplay = graphql(`
  mutation PlanReplay($input: StartReplayInput!) {
    startReplay(input: $input) {
      plan {
        ...Plan
      }
    }
  }
  fragment Plan on ReplayPlan {
    executor
    kind
    steps
    choices {
      executor
      refusal
    }
    cut {
      askedKey
      askedSequence
      usedKey
      usedSequence
      side
      snapped
    }
    groups {
      where
      kind
      mode
      ladder
      rule
      edited
      steps
      names
    }
    effects {
      name
      effect
      mode
      steps
      allowed
    }
    hosts
    budgets {
      calls
      tokens
      costUsd
      wallS
    }
    estimate {
      calls
      tokens
      costMicroUsd
    }
    says
    notes
    waits
    refusals {
      code
      message
      field
    }
  }
`);

export const StartReplay = graphql(`
  mutation StartReplay($input: StartReplayInput!) {
    startReplay(input: $input) {
      sessions {
        ...Session
      }
    }
  }
`);

export const CancelReplay = graphql(`
  mutation CancelReplay($session: ID!) {
    cancelReplay(input: { session: $session }) {
      session {
        id
        state
      }
    }
  }
`);

export const SessionFacts = graphql(`
  query SessionFacts($id: ID!) {
    replaySession(id: $id) {
      ...Session
    }
  }
  fragment Session on ReplaySession {
    id
    runId
    newRunId
    kind
    executor
    sample
    state
    reason
    message
    verdict
    failedStep {
      key
      sequence
      sourceKey
      reason
    }
    progress {
      n
      state
      key
      matched
      total
      spend {
        calls
        tokens
        costMicroUsd
      }
      timeNs
    }
    runner
    entrypoint
    resumes
    says
    stale
    createdNs
    startedNs
    endedNs
    plan
    report
    waits
    run {
      id
      name
    }
  }
`);

export const Runners = graphql(`
  query Runners {
    project {
      id
      runners {
        id
        name
        entrypoints
        commit
        dirty
        python
        guard
      }
    }
  }
`);

export const REPLAY_PROGRESS = `subscription ReplayProgress($session: ID!, $after: Int!) {
  replayProgress(sessionId: $session, after: $after) {
    n state key matched total spend { calls tokens costMicroUsd } timeNs
  }
}`;
