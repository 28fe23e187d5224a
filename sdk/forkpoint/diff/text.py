"""Word and line hunks of two texts, the same for command line and cockpit."""

from __future__ import annotations

import re
from collections.abc import Sequence

from forkpoint.diff.sequences import common_subsequence, unique_matches

Hunk = tuple[str, str]
"""(`=`, `-` or `+`, text): equal, only in A, only in B."""
MOST_WORDS = 20_000
"""Words of a text above which lines are compared instead."""
MOST_CELLS = 4_000_000
"""Product of lengths up to which a gap is matched exactly."""
LEAST_ALIKE = 0.2
"""Ratio below which two texts are shown one after the other: what they share is chance."""
_WORDS = re.compile(r"\s+|\w+|[^\w\s]")


def hunks(before: str, after: str) -> list[Hunk]:
    """Runs of equal, removed and added text; joined, `=` and `-` give A, `=` and `+` give B."""
    if before == after:
        return [("=", before)] if before else []
    left, right = _WORDS.findall(before), _WORDS.findall(after)
    if len(left) > MOST_WORDS or len(right) > MOST_WORDS:
        left, right = before.splitlines(keepends=True), after.splitlines(keepends=True)
    found = _joined(left, right, _matches(left, right))
    if ratio(found) < LEAST_ALIKE:
        return [(sign, text) for sign, text in (("-", before), ("+", after)) if text]
    return _readable(found)


def ratio(found: Sequence[Hunk]) -> float:
    """Share of characters that are equal, 0 to 1."""
    equal = sum(len(text) for sign, text in found if sign == "=")
    other = sum(len(text) for sign, text in found if sign != "=")
    return 1.0 if equal == other == 0 else 2 * equal / (2 * equal + other)


def _readable(found: Sequence[Hunk]) -> list[Hunk]:
    """The same hunks, with blanks and punctuation between two changes made part of them."""
    kept: list[Hunk] = []
    gone = new = ""
    for at, (sign, text) in enumerate(found):
        if sign == "-":
            gone += text
        elif sign == "+":
            new += text
        elif (gone or new) and at + 1 < len(found) and not any(map(str.isalnum, text)):
            gone, new = gone + text, new + text
        else:
            kept += [(mark, run) for mark, run in (("-", gone), ("+", new)) if run]
            kept.append((sign, text))
            gone = new = ""
    return kept + [(mark, run) for mark, run in (("-", gone), ("+", new)) if run]


def _matches(left: Sequence[str], right: Sequence[str]) -> list[tuple[int, int]]:
    start = 0
    while start < min(len(left), len(right)) and left[start] == right[start]:
        start += 1
    end = 0
    limit = min(len(left), len(right)) - start
    while end < limit and left[-1 - end] == right[-1 - end]:
        end += 1
    pairs = [(at, at) for at in range(start)]
    middle_a, middle_b = left[start : len(left) - end], right[start : len(right) - end]
    exact = len(middle_a) * len(middle_b) <= MOST_CELLS
    match = common_subsequence if exact else unique_matches
    pairs += [(one + start, two + start) for one, two in match(middle_a, middle_b)]
    pairs += [(len(left) - end + at, len(right) - end + at) for at in range(end)]
    return pairs


def _joined(
    left: Sequence[str], right: Sequence[str], pairs: Sequence[tuple[int, int]]
) -> list[Hunk]:
    found: list[Hunk] = []

    def add(sign: str, words: Sequence[str]) -> None:
        if not words:
            return
        if found and found[-1][0] == sign:
            found[-1] = (sign, found[-1][1] + "".join(words))
        else:
            found.append((sign, "".join(words)))

    at = other = 0
    for one, two in [*pairs, (len(left), len(right))]:
        add("-", left[at:one])
        add("+", right[other:two])
        add("=", left[one : one + 1])
        at, other = one + 1, two + 1
    return found
