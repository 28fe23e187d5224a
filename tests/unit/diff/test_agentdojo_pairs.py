"""Runs under attack against the same task without, as others recorded them.

The manifest says of 39 pairs that they part for sure at the tool result with the injected text.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import pytest
from forkpoint.content import decode, digest_from_text
from forkpoint.diff.recorded import columns_of
from forkpoint.diff.report import Comparison, compare_runs
from forkpoint_cli.importers.agentdojo import import_log
from forkpoint_cli.importers.tape import ImportedRun, Importer

RUNS = Path(__file__).parents[3] / "examples/agentdojo/runs"


@lru_cache(maxsize=4)
def imported(path: str) -> ImportedRun:
    importer = Importer(name="test", redact=lambda value: value)
    return import_log((RUNS / path.removeprefix("agentdojo/")).read_bytes(), importer)


def compared(pair: Mapping[str, str]) -> Comparison:
    clean, attacked = imported(pair["clean_pair"]), imported(pair["path"])
    blocks = {**clean.blocks, **attacked.blocks}

    def load(root: str) -> object:
        return decode(digest_from_text(root), lambda some: {each: blocks[each] for each in some})

    a, b = (columns_of(one.start, one.end, one.events) for one in (clean, attacked))
    return compare_runs(a, b, load)


def pairs(divergence: str) -> list[dict[str, str]]:
    with (RUNS / "manifest.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["divergence"] == divergence]


@pytest.fixture(scope="module")
def injected() -> list[tuple[dict[str, str], Comparison]]:
    return [(pair, compared(pair)) for pair in pairs("at_injection")]


def test_all_39_sure_pairs_part_at_the_injected_tool_result(
    injected: list[tuple[dict[str, str], Comparison]],
):
    assert len(injected) == 39
    for pair, comparison in injected:
        assert comparison.first_divergence is not None
        row = comparison.rows[comparison.first_divergence]
        step = comparison.b.steps[row.b or 0]
        # before it: a system and a user message, then assistant and tool messages as steps
        messages = [s for s in comparison.b.steps if s.kind in ("model", "tool")]
        assert (row.name, row.sub, step.kind) == ("origin", "external", "tool"), pair["path"]
        assert messages.index(step) == int(pair["first_injected_message"]) - 2, pair["path"]


def test_whatever_differs_later_is_passed_on_or_injected_again(
    injected: list[tuple[dict[str, str], Comparison]],
):
    for pair, comparison in injected:
        for cause in comparison.causes:
            row = comparison.rows[cause.row]
            assert (row.name, row.sub) == ("origin", "external"), pair["path"]


def test_pairs_that_part_earlier_part_by_sampling():
    firsts: list[str | None] = []
    for pair in pairs("before_injection"):
        comparison = compared(pair)
        assert comparison.first_divergence is not None, pair["path"]
        firsts.append(comparison.rows[comparison.first_divergence].sub)

    # one of them got another page from its first tool before anything was injected
    assert sorted(map(str, firsts)) == ["external", *["sampling"] * 14]
