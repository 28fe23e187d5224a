"""The exported schema is the served one, and keeps the house rules."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
from forkpoint_server.graphql.export import schema_text
from forkpoint_server.graphql.guards import SCOPE
from forkpoint_server.graphql.schema import schema
from forkpoint_server.security.scopes import Scope
from graphql import GraphQLInputObjectType, GraphQLObjectType, is_list_type
from graphql.type import GraphQLField, GraphQLSchema

ROOT = Path(__file__).parents[3]
GRAPHQL = cast("GraphQLSchema", schema._schema)  # pyright: ignore[reportPrivateUsage]
PAYLOAD_FIELDS = ("events", "recording")


def fields_of(type_name: str) -> dict[str, GraphQLField]:
    found = GRAPHQL.type_map[type_name]
    assert isinstance(found, GraphQLObjectType)
    return found.fields


def scope_of(field: GraphQLField) -> Scope | None:
    return field.extensions["strawberry-definition"].metadata.get(SCOPE)


def test_the_exported_schema_is_the_served_one():
    assert (ROOT / "schema.graphql").read_text() == schema_text(), (
        "run python -m forkpoint_server.graphql.export schema.graphql"
    )


@pytest.mark.parametrize("root", ["Query", "Mutation", "Subscription"])
def test_every_root_field_names_its_scope(root: str):
    assert {name: scope_of(field) for name, field in fields_of(root).items()}.keys() == {
        name for name, field in fields_of(root).items() if scope_of(field) is not None
    }


def test_fields_that_give_payload_need_the_payload_scope():
    fields = fields_of("Run")

    assert [scope_of(fields[name]) for name in PAYLOAD_FIELDS] == [Scope.READ_PAYLOAD] * 2


def test_every_mutation_takes_one_input_object():
    for name, field in fields_of("Mutation").items():
        assert list(field.args) == ["input"], name


def test_inputs_and_enums_are_described():
    silent = [
        name
        for name, found in GRAPHQL.type_map.items()
        if not name.startswith("__")
        and (isinstance(found, GraphQLInputObjectType) or hasattr(found, "values"))
        and not found.description
    ]

    assert silent == []


def test_no_nullable_field_of_an_object_stands_without_its_meaning():
    silent = [
        f"{name}.{field}"
        for name, found in GRAPHQL.type_map.items()
        if isinstance(found, GraphQLObjectType) and not name.startswith("__")
        for field, definition in found.fields.items()
        if not str(definition.type).endswith("!") and not definition.description
    ]

    assert silent == []


def test_lists_of_objects_are_connections_or_short():
    short = {
        "Query.tokens",
        "Query.runStats",
        "Run.artifacts",
        "Run.earlierAnswers",
        "Step.artifacts",
        "Step.parts",
        "Step.sources",
        "Step.usedBy",
        "IngestEventsPayload.rejected",
        "IngestEventsPayload.cursors",
        "Project.runners",
        "StartReplayPayload.sessions",
        "Step.answers",
        "ReplayPlan.choices",
        "ReplayPlan.groups",
        "ReplayPlan.effects",
        "ReplayPlan.refusals",
        "VerifyPlan.roots",
    }
    long = [
        f"{name}.{field}"
        for name, found in GRAPHQL.type_map.items()
        if isinstance(found, GraphQLObjectType)
        and not name.startswith("__")
        and not name.endswith("Connection")
        for field, definition in found.fields.items()
        if is_list_type(getattr(definition.type, "of_type", definition.type))
        and isinstance(GRAPHQL.type_map[str(definition.type).strip("[]!")], GraphQLObjectType)
    ]

    assert set(long) <= short
