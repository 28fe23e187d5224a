/** What the composer asks of the run it forks. */

import { graphql } from "../graphql/generated";

export const ForkContext = graphql(`
  query ForkContext($run: ID!) {
    run(id: $run) {
      id
      forks(first: 50) {
        nodes {
          id
          status
          verdict
          origin {
            kind
            cutKey
          }
        }
        totalCount
      }
    }
  }
`);
