"""What a terminal is never sent, whatever was recorded (security guide, S11)."""

from __future__ import annotations

import re

import pytest
from forkpoint_cli.text import cell, harmless, one_line
from hypothesis import given
from hypothesis import strategies as st

FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@given(st.text())
def test_no_control_character_survives(text: str):
    assert not FORBIDDEN.search(harmless(text))


@pytest.mark.parametrize(
    ("recorded", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]8;;http://evil\x07click\x1b]8;;\x07", "click"),
        ("\x1b]52;c;cGF3bmVk\x1b\\after", "after"),
        ("\x9b2Jclear", "clear"),
        ("a\rb\x07c\x00d", "abcd"),
        ("pay \u202eeve\u202c now", "pay eve now"),
        ("line\n\tindented", "line\n\tindented"),
    ],
)
def test_terminal_sequences_are_taken_out_whole(recorded: str, shown: str):
    assert harmless(recorded) == shown


def test_a_cell_of_a_table_is_one_line_of_limited_width():
    assert one_line("first\nsecond   third", width=13) == "first second…"


@pytest.mark.parametrize("formula", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_no_spreadsheet_takes_a_cell_for_a_formula(formula: str):
    assert cell(formula).startswith("\"'")


def test_cells_are_always_quoted_and_quotes_doubled():
    assert [cell('say "hi"'), cell(None), cell(7)] == ['"say ""hi"""', '""', '"7"']
