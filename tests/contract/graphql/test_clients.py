"""Every operation that our own clients send is valid, and within the bounds."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from forkpoint_server.graphql.limits import check_document
from forkpoint_server.graphql.schema import schema
from graphql import GraphQLSchema, parse, print_ast, separate_operations, validate

ROOT = Path(__file__).parents[3]
GRAPHQL = cast("GraphQLSchema", schema._schema)  # pyright: ignore[reportPrivateUsage]
_OPERATION = re.compile(r"\s*(query|mutation|subscription)\b[^{]*\{")
_TAGGED = re.compile(r"graphql\(\s*`([^`]*)`\s*,?\s*\)")
VARIABLES = {"first": 200, "most": 65_536}


def operations_of_package(package: str) -> Iterator[tuple[str, str]]:
    """Operations that stand as constants in the modules of a package."""
    folder = importlib.import_module(package).__path__
    for module in pkgutil.walk_packages(folder, prefix=f"{package}."):
        if module.name.rpartition(".")[2] == "__main__":
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, str) and not name.startswith("__") and _OPERATION.match(value):
                yield f"{module.name}.{name}", value


def operations_of_cockpit() -> Iterator[tuple[str, str]]:
    """Each tagged operation of the cockpit with the fragments it uses."""
    texts = [
        text
        for path in sorted((ROOT / "cockpit" / "src").rglob("*.ts*"))
        if "generated" not in path.parts
        for text in _TAGGED.findall(path.read_text())
    ]
    whole = parse("\n".join(texts)) if texts else None
    for name, document in separate_operations(whole).items() if whole else ():
        yield f"cockpit {name}", print_ast(document)


@pytest.mark.parametrize("package", ["forkpoint_cli.commands", "forkpoint.capture"])
def test_operations_of_python_clients_are_valid_and_within_bounds(package: str):
    found = list(operations_of_package(package))

    assert found
    assert_allowed(found)


def test_operations_of_the_cockpit_are_valid_and_within_bounds():
    assert_allowed(list(operations_of_cockpit()))


def assert_allowed(operations: list[tuple[str, str]]) -> None:
    wrong: dict[str, str] = {}
    for place, text in operations:
        document = parse(text, max_tokens=2000)
        if errors := validate(GRAPHQL, document):
            wrong[place] = errors[0].message
        check_document(document, GRAPHQL, VARIABLES)
    assert wrong == {}
