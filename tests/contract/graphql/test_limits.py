"""Documents that cost too much are refused before they are validated, by the bound they break."""

from __future__ import annotations

from typing import cast

import pytest
from forkpoint_server.errors import LimitExceeded
from forkpoint_server.graphql.errors import refusal
from forkpoint_server.graphql.limits import check_document
from forkpoint_server.graphql.schema import schema
from graphql import GraphQLSchema, GraphQLSyntaxError, parse

GRAPHQL = cast("GraphQLSchema", schema._schema)  # pyright: ignore[reportPrivateUsage]


def broken_bound(query: str, **variables: object) -> str | None:
    """The bound that a document breaks as the service reads it; None if it may run."""
    try:
        check_document(parse(query, max_tokens=2000), GRAPHQL, variables)
    except LimitExceeded as error:
        return str(error.details["limit"])
    except GraphQLSyntaxError as error:
        return refusal(error).details["limit"]  # type: ignore[return-value]
    return None


def nested(depth: int, *, copies: int = 1) -> str:
    """Steps within steps; each level is asked for `copies` times."""
    body = "name"
    for _ in range(depth):
        body = " ".join(f"parent {{ {body} }}" for _ in range(copies))
    return f'{{ step(id: "x:0") {{ {body} }} }}'


def doubling(levels: int) -> str:
    """Fragments that each spread the next one twice: 2^levels fields."""
    links = [f"fragment F{n} on Step {{ ...F{n + 1} ...F{n + 1} }}" for n in range(levels)]
    last = f"fragment F{levels} on Step {{ name }}"
    return "\n".join(['{ step(id: "x:0") { ...F0 } }', *links, last])


def branching_fragments(levels: int) -> str:
    """As `doubling`, with two equal branches at each level."""
    links = [
        f"fragment F{n} on Step {{ parent {{ ...F{n + 1} }} parent {{ ...F{n + 1} }} }}"
        for n in range(levels)
    ]
    last = f"fragment F{levels} on Step {{ name }}"
    return "\n".join(['{ step(id: "x:0") { ...F0 } }', *links, last])


def nested_lists(levels: int, *, first: int) -> str:
    """Forks of forks."""
    body = "id"
    for _ in range(levels):
        body = f"forks(first: {first}) {{ nodes {{ {body} }} }}"
    return f'{{ run(id: "x") {{ {body} }} }}'


EXPENSIVE = {
    "20,000 repeated fields": "{ " + "__typename " * 20_000 + "}",
    "20,000 directives": "{ __typename " + "@skip(if: false) " * 20_000 + "}",
    "300 directives": "{ __typename " + "@skip(if: false) " * 300 + "}",
    "1,000 aliases": "{ " + " ".join(f"a{n}: __typename" for n in range(1000)) + " }",
    "490 repeated branches": '{ step(id: "x") { ' + "run { id } " * 490 + "} }",
    "1,900 repeated leaves": '{ step(id: "x") { ' + "name " * 1_900 + "} }",
    "5 nested lists of 10": nested_lists(5, first=10),
    "fan-out 2^18": doubling(18),
    "fan-out 2^20": doubling(20),
    "fan-out 2^59": doubling(59),
    "a cycle": "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }",
    "a short cycle": "{ ...A } fragment A on Query { __typename ...A }",
    "depth 13": nested(12),
    "depth 300": nested(300),
    "depth 3,000": nested(3_000),
    "two copies at each of 8 levels": nested(8, copies=2),
    "two copies at each of 8 levels, by fragment": branching_fragments(8),
    "11 root fields": "{ " + " ".join(f"a{n}: __typename" for n in range(11)) + " }",
    "21 fragments": "{ ...F0 } "
    + " ".join(f"fragment F{n} on Query {{ __typename }}" for n in range(21)),
    "61 spreads": "{ " + "...F " * 61 + "} fragment F on Query { __typename }",
    "an enormous first": "{ runs(first: 99999999999999999999) { nodes { id name } } }",
}


@pytest.mark.parametrize("name", EXPENSIVE)
def test_an_expensive_document_is_refused(name: str):
    assert broken_bound(EXPENSIVE[name]) is not None


@pytest.mark.parametrize(
    ("query", "bound"),
    [
        (nested(12), "depth"),
        (nested(300), "depth"),
        ("{ " + "a " * 2_000 + "}", "tokens"),
        (doubling(59), "fragments"),
        (doubling(18), "same_key"),
        (branching_fragments(8), "fields"),
        (nested(4, copies=2), "repeated_branches"),
        (nested_lists(5, first=10), "cost"),
        ("{ ...A } fragment A on Query { ...A }", "fragment_cycle"),
        ("{ " + "__typename " * 21 + "}", "same_key"),
    ],
)
def test_the_refusal_names_the_bound(query: str, bound: str):
    assert broken_bound(query) == bound


def test_a_variable_counts_by_its_value():
    query = (
        "query($n: Int!) { runs(first: $n) { nodes { forks(first: $n) { nodes { id name } } } } }"
    )

    assert broken_bound(query, n=50) is None
    assert broken_bound(query, n=200) == "cost"


def test_a_variable_that_is_not_given_counts_by_its_default():
    query = (
        "query($n: Int = 200) { runs(first: $n) { nodes { forks(first: $n) { nodes { id } } } } }"
    )

    assert broken_bound(query) == "cost"


def test_a_list_without_first_counts_by_its_fixed_maximum():
    body = " ".join(f"a{n}: __typename" for n in range(29))
    query = f"{{ runs(first: 200) {{ nodes {{ artifacts {{ {body} }} }} }} }}"

    assert broken_bound(query) == "cost"


def test_the_standard_introspection_query_fits():
    from_the_library = """query { __schema { types { ...T } } }
        fragment T on __Type { fields { args { type { ...R } } type { ...R } } }
        fragment R on __Type { kind name ofType { kind name ofType { kind name ofType { kind name
            ofType { kind name ofType { kind name ofType { kind name } } } } } } }"""

    assert broken_bound(from_the_library) is None


CHEAP = {
    "a page of runs": """{ runs(first: 50) { pageInfo { endCursor hasNextPage } totalCount
        nodes { id name status health startedNs durationNs stepCount errorCount tokensIn tokensOut
            costMicroUsd tags capabilities origin { kind runId } forks(first: 1) { totalCount } }
        } }""",
    "first paint": """query($id: ID!) {
        run(id: $id) { id name status openingStep { sequence } }
        timeline(runId: $id, width: 1600) { from to unit exact lane start end sequence flags } }""",
    "a step": """query($id: ID!) { step(id: $id) { name key parent { sequence name }
        children(first: 50) { nodes { sequence name kind status } }
        artifacts { role state size preview { type text truncated } } parts { name root } } }""",
}


@pytest.mark.parametrize("name", CHEAP)
def test_what_the_cockpit_asks_is_let_through(name: str):
    assert broken_bound(CHEAP[name], id="x") is None
