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
        previousSameScope {
          id
          sequence
        }
      }
    }
  }
`);

export const ArtifactPreview = graphql(`
  query ArtifactPreview($run: ID!, $sequence: BigInt!, $role: String!, $pointer: String!, $most: Int!) {
    run(id: $run) {
      id
      step(sequence: $sequence) {
        id
        artifact(role: $role) {
          preview(pointer: $pointer, maxBytes: $most) {
            type
            size
            count
            truncated
            text
            json
          }
        }
      }
    }
  }
`);

export const ArtifactItems = graphql(`
  query ArtifactItems($run: ID!, $sequence: BigInt!, $role: String!, $pointer: String!, $from: Int!, $first: Int!) {
    run(id: $run) {
      id
      step(sequence: $sequence) {
        id
        artifact(role: $role) {
          items(pointer: $pointer, from: $from, first: $first) {
            total
            keys
            values
          }
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
