"""The pytest module `forkpoint to-test` writes. Nothing recorded gets into it but as a literal."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from forkpoint_cli.programs import Program

_OTHER = re.compile(r"[^A-Za-z0-9]+")
_PYTHON = re.compile(r"python[0-9.]*\Z")
SLUG_LENGTH = 60
WIDTH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class TestCase:
    """What the module tests."""

    name: str
    """Of the test, without `test_`."""
    bundle: str
    """Path of the bundle, beside the module."""
    run: str
    recorded: str
    """When, in words."""
    program: Program


def slug(name: str) -> str:
    """A recorded name as part of an identifier and of a file name."""
    found = _OTHER.sub("_", name.encode("ascii", "ignore").decode()).strip("_").lower()
    return found[:SLUG_LENGTH].rstrip("_") or "run"


def module_text(case: TestCase) -> str:
    """The text of the module."""
    head = [
        f'"""Regression test of run {case.run}, recorded {case.recorded}.',
        "",
        "Written by `forkpoint to-test`. `pytest --forkpoint-update` rewrites the bundle.",
        '"""',
        "",
        "from __future__ import annotations",
        "",
    ]
    test = [
        "",
        "",
        f"@pytest.mark.forkpoint({_literal(case.bundle)})",
        f"def test_{case.name}(forkpoint_replay):",
        *_body(case),
    ]
    return "\n".join([*head, *_imports(case.program), *test, ""])


def _imports(program: Program) -> list[str]:
    if program.entry is None:
        return ["import sys", "", "import pytest"]
    module, _, function = program.entry.partition(":")
    name = function.partition(".")[0]
    return ["import pytest", "", f"from {module} import {name}"]


def _body(case: TestCase) -> list[str]:
    if case.program.entry is None:
        words = [_word(word, first=not at) for at, word in enumerate(case.program.command)]
        return _called("forkpoint_replay.command", words)
    return _called("forkpoint_replay", [case.program.entry.partition(":")[2]])


def _called(function: str, arguments: Sequence[str]) -> list[str]:
    line = f"    {function}({', '.join(arguments)})"
    if len(line) <= WIDTH:
        return [line]
    return [f"    {function}(", *(f"        {one}," for one in arguments), "    )"]


def _word(word: str, *, first: bool) -> str:
    """A word of a command; its Python is the one that runs the tests."""
    if first and _PYTHON.fullmatch(PurePath(word).name):
        return "sys.executable"
    return _literal(word)


def _literal(word: str) -> str:
    """A Python literal in ASCII."""
    text = ascii(word)
    return text if '"' in word or "\\" in text else f'"{word}"'
