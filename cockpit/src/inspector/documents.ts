/** What the inspector asks, tab by tab. */

import { graphql } from "../graphql/generated";

export const StepFacts = graphql(`
  query StepFacts($run: ID!, $sequence: BigInt!) {
    run(id: $run) {
      id
      step(sequence: $sequence) {
        id
        sequence
        endSequence
        kind
        name
        status
        key
        strand
        startNs
        endNs
        durationNs
        site
        subtype
        effect
        codec
        model
        errorClass
        finishReason
        tokensIn
        tokensOut
        costMicroUsd
        attempts
        chunks
        signature
        parentSequence
        parts {
          name
          root
          size
        }
        artifacts {
          role
          state
          reason
          root
          size
          mediaType
        }
        replay {
          session
          mode
          match
          sourceRun
          sourceKey
          sourceSeq
          rule
          edit
          executor
          taint
          divergence
          waitedNs
        }
        askedBy {
          id
          sequence
        }
        answers(first: 20) {
          id
          sequence
          name
        }
        previousSameScope {
          id
          sequence
        }
      }
    }
  }
`);

export const BaseSignature = graphql(`
  query BaseSignature($run: ID!, $sequence: BigInt!) {
    run(id: $run) {
      id
      step(sequence: $sequence) {
        id
        signature
        parts {
          name
          root
        }
      }
    }
  }
`);

export const StepSources = graphql(`
  query StepSources($run: ID!, $sequence: BigInt!) {
    run(id: $run) {
      id
      step(sequence: $sequence) {
        id
        sources(first: 50) {
          ...Hop
        }
        usedBy(first: 50) {
          ...Hop
        }
      }
    }
  }
  fragment Hop on SourceEdge {
    part
    pointer
    how
    step {
      id
      sequence
      kind
      name
    }
  }
`);
