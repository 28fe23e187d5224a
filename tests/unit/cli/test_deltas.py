"""Lines of a delta where there is no colour."""

from __future__ import annotations

from forkpoint_cli.deltas import delta_lines, marked


def test_removed_and_added_words_are_marked_in_documents():
    words = [["=", "pay "], ["-", "the bill"], ["+", "all of it"], ["=", " now"]]
    delta = {"output": {"kind": "text", "words": words}, "status": {"a": "ok", "b": "error"}}

    lines = [marked(line) for line in delta_lines(delta)]

    assert lines == ["output  pay [-the bill-]{+all of it+} now", "status  [-ok-]  {+error+}"]
