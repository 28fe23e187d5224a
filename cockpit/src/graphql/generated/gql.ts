/* eslint-disable */
import * as types from './graphql';
import type { TypedDocumentNode as DocumentNode } from '@graphql-typed-document-node/core';

/**
 * Map of all GraphQL operations in the project.
 *
 * This map has several performance disadvantages:
 * 1. It is not tree-shakeable, so it will include all operations in the project.
 * 2. It is not minifiable, so the string of a GraphQL query will be multiple times inside the bundle.
 * 3. It does not support dead code elimination, so it will add unused operations.
 *
 * Therefore it is highly recommended to use the babel or swc plugin for production.
 * Learn more about it here: https://the-guild.dev/graphql/codegen/plugins/presets/preset-client#reducing-bundle-size
 */
type Documents = {
    "\n  query StepFacts($run: ID!, $sequence: BigInt!) {\n    run(id: $run) {\n      id\n      step(sequence: $sequence) {\n        id\n        sequence\n        endSequence\n        kind\n        name\n        status\n        key\n        strand\n        startNs\n        endNs\n        durationNs\n        site\n        subtype\n        effect\n        codec\n        model\n        errorClass\n        finishReason\n        tokensIn\n        tokensOut\n        costMicroUsd\n        attempts\n        chunks\n        signature\n        parentSequence\n        parts {\n          name\n          root\n          size\n        }\n        artifacts {\n          role\n          state\n          reason\n          root\n          size\n          mediaType\n        }\n        replay {\n          session\n          mode\n          match\n          sourceRun\n          sourceKey\n          sourceSeq\n          rule\n          edit\n          executor\n          taint\n          divergence\n          waitedNs\n        }\n        previousSameScope {\n          id\n          sequence\n        }\n      }\n    }\n  }\n": typeof types.StepFactsDocument,
    "\n  query BaseSignature($run: ID!, $sequence: BigInt!) {\n    run(id: $run) {\n      id\n      step(sequence: $sequence) {\n        id\n        signature\n        parts {\n          name\n          root\n        }\n      }\n    }\n  }\n": typeof types.BaseSignatureDocument,
    "\n  query StepSources($run: ID!, $sequence: BigInt!) {\n    run(id: $run) {\n      id\n      step(sequence: $sequence) {\n        id\n        sources(first: 50) {\n          ...Hop\n        }\n        usedBy(first: 50) {\n          ...Hop\n        }\n      }\n    }\n  }\n  fragment Hop on SourceEdge {\n    part\n    pointer\n    how\n    step {\n      id\n      sequence\n      kind\n      name\n    }\n  }\n": typeof types.StepSourcesDocument,
    "\n  query Agreements($a: ID!, $b: ID!, $after: String, $only: [String!]) {\n    diff(a: $a, b: $b) {\n      verdict\n      rows(first: 200, after: $after, only: $only) {\n        nodes {\n          class\n          left {\n            id\n            sequence\n          }\n          right {\n            id\n            sequence\n          }\n        }\n        pageInfo {\n          hasNextPage\n          endCursor\n        }\n      }\n    }\n  }\n": typeof types.AgreementsDocument,
    "\n  fragment RunRow on Run {\n    id\n    name\n    status\n    health\n    startedNs\n    durationNs\n    stepCount\n    errorCount\n    gapCount\n    head\n    tokensIn\n    tokensOut\n    costMicroUsd\n    ordering\n    errorClass\n    verdict\n    capabilities\n    tags\n    origin {\n      runId\n      kind\n    }\n  }\n": typeof types.RunRowFragmentDoc,
    "\n  query RunsPage($first: Int!, $after: String, $filter: RunFilter, $orderBy: RunOrder!) {\n    runs(first: $first, after: $after, filter: $filter, orderBy: $orderBy) {\n      nodes {\n        ...RunRow\n      }\n      totalCount\n      pageInfo {\n        hasNextPage\n        endCursor\n      }\n    }\n  }\n": typeof types.RunsPageDocument,
    "\n  query RunsStrip($filter: RunFilter) {\n    runStats(groupBy: DAY, filter: $filter) {\n      group\n      runs\n      errors\n      p95Ns\n      costMicroUsd\n    }\n  }\n": typeof types.RunsStripDocument,
};
const documents: Documents = {
    "\n  query StepFacts($run: ID!, $sequence: BigInt!) {\n    run(id: $run) {\n      id\n      step(sequence: $sequence) {\n        id\n        sequence\n        endSequence\n        kind\n        name\n        status\n        key\n        strand\n        startNs\n        endNs\n        durationNs\n        site\n        subtype\n        effect\n        codec\n        model\n        errorClass\n        finishReason\n        tokensIn\n        tokensOut\n        costMicroUsd\n        attempts\n        chunks\n        signature\n        parentSequence\n        parts {\n          name\n          root\n          size\n        }\n        artifacts {\n          role\n          state\n          reason\n          root\n          size\n          mediaType\n        }\n        replay {\n          session\n          mode\n          match\n          sourceRun\n          sourceKey\n          sourceSeq\n          rule\n          edit\n          executor\n          taint\n          divergence\n          waitedNs\n        }\n        previousSameScope {\n          id\n          sequence\n        }\n      }\n    }\n  }\n": types.StepFactsDocument,
    "\n  query BaseSignature($run: ID!, $sequence: BigInt!) {\n    run(id: $run) {\n      id\n      step(sequence: $sequence) {\n        id\n        signature\n        parts {\n          name\n          root\n        }\n      }\n    }\n  }\n": types.BaseSignatureDocument,
    "\n  query StepSources($run: ID!, $sequence: BigInt!) {\n    run(id: $run) {\n      id\n      step(sequence: $sequence) {\n        id\n        sources(first: 50) {\n          ...Hop\n        }\n        usedBy(first: 50) {\n          ...Hop\n        }\n      }\n    }\n  }\n  fragment Hop on SourceEdge {\n    part\n    pointer\n    how\n    step {\n      id\n      sequence\n      kind\n      name\n    }\n  }\n": types.StepSourcesDocument,
    "\n  query Agreements($a: ID!, $b: ID!, $after: String, $only: [String!]) {\n    diff(a: $a, b: $b) {\n      verdict\n      rows(first: 200, after: $after, only: $only) {\n        nodes {\n          class\n          left {\n            id\n            sequence\n          }\n          right {\n            id\n            sequence\n          }\n        }\n        pageInfo {\n          hasNextPage\n          endCursor\n        }\n      }\n    }\n  }\n": types.AgreementsDocument,
    "\n  fragment RunRow on Run {\n    id\n    name\n    status\n    health\n    startedNs\n    durationNs\n    stepCount\n    errorCount\n    gapCount\n    head\n    tokensIn\n    tokensOut\n    costMicroUsd\n    ordering\n    errorClass\n    verdict\n    capabilities\n    tags\n    origin {\n      runId\n      kind\n    }\n  }\n": types.RunRowFragmentDoc,
    "\n  query RunsPage($first: Int!, $after: String, $filter: RunFilter, $orderBy: RunOrder!) {\n    runs(first: $first, after: $after, filter: $filter, orderBy: $orderBy) {\n      nodes {\n        ...RunRow\n      }\n      totalCount\n      pageInfo {\n        hasNextPage\n        endCursor\n      }\n    }\n  }\n": types.RunsPageDocument,
    "\n  query RunsStrip($filter: RunFilter) {\n    runStats(groupBy: DAY, filter: $filter) {\n      group\n      runs\n      errors\n      p95Ns\n      costMicroUsd\n    }\n  }\n": types.RunsStripDocument,
};

/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 *
 *
 * @example
 * ```ts
 * const query = graphql(`query GetUser($id: ID!) { user(id: $id) { name } }`);
 * ```
 *
 * The query argument is unknown!
 * Please regenerate the types.
 */
export function graphql(source: string): unknown;

/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query StepFacts($run: ID!, $sequence: BigInt!) {\n    run(id: $run) {\n      id\n      step(sequence: $sequence) {\n        id\n        sequence\n        endSequence\n        kind\n        name\n        status\n        key\n        strand\n        startNs\n        endNs\n        durationNs\n        site\n        subtype\n        effect\n        codec\n        model\n        errorClass\n        finishReason\n        tokensIn\n        tokensOut\n        costMicroUsd\n        attempts\n        chunks\n        signature\n        parentSequence\n        parts {\n          name\n          root\n          size\n        }\n        artifacts {\n          role\n          state\n          reason\n          root\n          size\n          mediaType\n        }\n        replay {\n          session\n          mode\n          match\n          sourceRun\n          sourceKey\n          sourceSeq\n          rule\n          edit\n          executor\n          taint\n          divergence\n          waitedNs\n        }\n        previousSameScope {\n          id\n          sequence\n        }\n      }\n    }\n  }\n"): (typeof documents)["\n  query StepFacts($run: ID!, $sequence: BigInt!) {\n    run(id: $run) {\n      id\n      step(sequence: $sequence) {\n        id\n        sequence\n        endSequence\n        kind\n        name\n        status\n        key\n        strand\n        startNs\n        endNs\n        durationNs\n        site\n        subtype\n        effect\n        codec\n        model\n        errorClass\n        finishReason\n        tokensIn\n        tokensOut\n        costMicroUsd\n        attempts\n        chunks\n        signature\n        parentSequence\n        parts {\n          name\n          root\n          size\n        }\n        artifacts {\n          role\n          state\n          reason\n          root\n          size\n          mediaType\n        }\n        replay {\n          session\n          mode\n          match\n          sourceRun\n          sourceKey\n          sourceSeq\n          rule\n          edit\n          executor\n          taint\n          divergence\n          waitedNs\n        }\n        previousSameScope {\n          id\n          sequence\n        }\n      }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query BaseSignature($run: ID!, $sequence: BigInt!) {\n    run(id: $run) {\n      id\n      step(sequence: $sequence) {\n        id\n        signature\n        parts {\n          name\n          root\n        }\n      }\n    }\n  }\n"): (typeof documents)["\n  query BaseSignature($run: ID!, $sequence: BigInt!) {\n    run(id: $run) {\n      id\n      step(sequence: $sequence) {\n        id\n        signature\n        parts {\n          name\n          root\n        }\n      }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query StepSources($run: ID!, $sequence: BigInt!) {\n    run(id: $run) {\n      id\n      step(sequence: $sequence) {\n        id\n        sources(first: 50) {\n          ...Hop\n        }\n        usedBy(first: 50) {\n          ...Hop\n        }\n      }\n    }\n  }\n  fragment Hop on SourceEdge {\n    part\n    pointer\n    how\n    step {\n      id\n      sequence\n      kind\n      name\n    }\n  }\n"): (typeof documents)["\n  query StepSources($run: ID!, $sequence: BigInt!) {\n    run(id: $run) {\n      id\n      step(sequence: $sequence) {\n        id\n        sources(first: 50) {\n          ...Hop\n        }\n        usedBy(first: 50) {\n          ...Hop\n        }\n      }\n    }\n  }\n  fragment Hop on SourceEdge {\n    part\n    pointer\n    how\n    step {\n      id\n      sequence\n      kind\n      name\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Agreements($a: ID!, $b: ID!, $after: String, $only: [String!]) {\n    diff(a: $a, b: $b) {\n      verdict\n      rows(first: 200, after: $after, only: $only) {\n        nodes {\n          class\n          left {\n            id\n            sequence\n          }\n          right {\n            id\n            sequence\n          }\n        }\n        pageInfo {\n          hasNextPage\n          endCursor\n        }\n      }\n    }\n  }\n"): (typeof documents)["\n  query Agreements($a: ID!, $b: ID!, $after: String, $only: [String!]) {\n    diff(a: $a, b: $b) {\n      verdict\n      rows(first: 200, after: $after, only: $only) {\n        nodes {\n          class\n          left {\n            id\n            sequence\n          }\n          right {\n            id\n            sequence\n          }\n        }\n        pageInfo {\n          hasNextPage\n          endCursor\n        }\n      }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  fragment RunRow on Run {\n    id\n    name\n    status\n    health\n    startedNs\n    durationNs\n    stepCount\n    errorCount\n    gapCount\n    head\n    tokensIn\n    tokensOut\n    costMicroUsd\n    ordering\n    errorClass\n    verdict\n    capabilities\n    tags\n    origin {\n      runId\n      kind\n    }\n  }\n"): (typeof documents)["\n  fragment RunRow on Run {\n    id\n    name\n    status\n    health\n    startedNs\n    durationNs\n    stepCount\n    errorCount\n    gapCount\n    head\n    tokensIn\n    tokensOut\n    costMicroUsd\n    ordering\n    errorClass\n    verdict\n    capabilities\n    tags\n    origin {\n      runId\n      kind\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query RunsPage($first: Int!, $after: String, $filter: RunFilter, $orderBy: RunOrder!) {\n    runs(first: $first, after: $after, filter: $filter, orderBy: $orderBy) {\n      nodes {\n        ...RunRow\n      }\n      totalCount\n      pageInfo {\n        hasNextPage\n        endCursor\n      }\n    }\n  }\n"): (typeof documents)["\n  query RunsPage($first: Int!, $after: String, $filter: RunFilter, $orderBy: RunOrder!) {\n    runs(first: $first, after: $after, filter: $filter, orderBy: $orderBy) {\n      nodes {\n        ...RunRow\n      }\n      totalCount\n      pageInfo {\n        hasNextPage\n        endCursor\n      }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query RunsStrip($filter: RunFilter) {\n    runStats(groupBy: DAY, filter: $filter) {\n      group\n      runs\n      errors\n      p95Ns\n      costMicroUsd\n    }\n  }\n"): (typeof documents)["\n  query RunsStrip($filter: RunFilter) {\n    runStats(groupBy: DAY, filter: $filter) {\n      group\n      runs\n      errors\n      p95Ns\n      costMicroUsd\n    }\n  }\n"];

export function graphql(source: string) {
  return (documents as any)[source] ?? {};
}

export type DocumentType<TDocumentNode extends DocumentNode<any, any>> = TDocumentNode extends DocumentNode<  infer TType,  any>  ? TType  : never;