"""Passed and failed trials of one tau-bench task: the gold actions say which writes differ."""

from __future__ import annotations

from pathlib import Path

import pytest

from examples.tau.pairs import Pair, pairs, table

DOCS = Path(__file__).parents[3] / "docs/diff.md"


@pytest.fixture(scope="module")
def found() -> list[Pair]:
    return list(pairs())


def test_the_writes_that_differ_are_those_computed_from_the_gold_actions(found: list[Pair]):
    assert len(found) == 15
    assert [(pair.task, pair.failed) for pair in found if not pair.agrees] == []


def test_most_failed_trials_write_something_else(found: list[Pair]):
    silent = [(pair.task, pair.failed) for pair in found if not any(pair.found)]

    assert silent == [(2, 1)]  # it wrote all, and ended before it told the sum


def test_the_table_in_the_guide_is_what_the_command_prints():
    assert table() in DOCS.read_text(encoding="utf-8")
