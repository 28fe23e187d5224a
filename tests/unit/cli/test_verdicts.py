"""A replay's report in words, and the status it leaves."""

from __future__ import annotations

import io

import pytest
from forkpoint_cli.output import Column, Output, styled_status
from forkpoint_cli.verdicts import exit_code, print_report
from rich.console import Console

DIVERGED: dict[str, object] = {
    "verdict": "diverged",
    "failedStep": {"key": "r/2.fetch.1#0", "sequence": 41, "reason": "input_changed"},
    "message": "tool fetch asks something else",
    "site": "app.search:fetch",
    "changes": [
        {"pointer": f"/args/{n}", "expected": "a\x1b[2J", "got": "b" * 500} for n in range(7)
    ],
    "matched": 40,
    "recorded": 57,
    "soft": [{"code": "scope_input", "count": 2}],
}


def printed(width: int = 120) -> tuple[Output, io.StringIO]:
    text = io.StringIO()
    return Output(console=Console(file=text, width=width, highlight=False)), text


@pytest.mark.parametrize(
    ("verdict", "status"),
    [
        ("identical", 0),
        ("forked", 0),
        ("diverged", 1),
        ("partial", 1),
        ("incomparable", 125),
        (None, 2),
    ],
)
def test_each_verdict_leaves_its_status(verdict: str | None, status: int):
    assert exit_code({"verdict": verdict}) == status


def test_a_report_names_step_reason_and_at_most_five_changes():
    output, text = printed()
    print_report(output, DIVERGED)
    lines = text.getvalue().splitlines()

    assert lines[0] == "diverged  40 of 57 recorded steps matched"
    assert "#41 r/2.fetch.1#0  input_changed" in lines[1]
    assert sum(line.startswith("changed") for line in lines) == 5
    assert "and 2 more" in text.getvalue()
    assert max(map(len, lines)) <= 130
    assert "\x1b" not in text.getvalue()


def test_a_narrow_terminal_shortens_only_the_columns_that_give():
    output, text = printed(width=40)
    columns = [
        Column(title="run"),
        Column(title="name", gives=True),
        Column(title="took", right=True),
    ]
    output.table(columns, [["0123456789abc", "a name of forty characters in all, more", "12.3 s"]])
    row = text.getvalue().splitlines()[1]

    assert row.startswith("0123456789abc  ")
    assert row.endswith("12.3 s")
    assert "…" in row


def test_columns_without_anything_are_left_out():
    output, text = printed()
    output.table([Column(title="run"), Column(title="tokens")], [["a", "-"], ["b", ""]])

    assert text.getvalue().split() == ["run", "a", "b"]


def test_a_status_is_more_than_a_colour():
    words = [styled_status(word).plain for word in ("OK", "ERROR", "RUNNING", "diverged")]

    assert words == ["● ok", "▲ error", "◐ running", "diverged"]
