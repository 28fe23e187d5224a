/** What the replay view asks of the comparison with its recording. */

import { graphql } from "../graphql/generated";

export const Agreements = graphql(`
  query Agreements($a: ID!, $b: ID!, $after: String, $only: [String!]) {
    diff(a: $a, b: $b) {
      verdict
      rows(first: 200, after: $after, only: $only) {
        nodes {
          class
          left {
            id
            sequence
          }
          right {
            id
            sequence
          }
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  }
`);
