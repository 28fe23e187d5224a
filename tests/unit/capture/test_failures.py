"""Errors as values and back: the same class if it is loaded, the same texts always."""

from __future__ import annotations

import subprocess
import sys

import orjson
import pytest
from forkpoint.capture.failures import CAUSES, describe, rebuild


class Plain(Exception):
    pass


class Picky(Exception):
    def __init__(self, user: str, *, status_code: int) -> None:
        super().__init__(f"{user} may not")
        self.status_code = status_code
        self.body = {"user": user}


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    "error",
    [
        ValueError("bad"),
        KeyError("missing"),
        OSError(2, "No such file"),
        Plain("a", 1),
        Plain(),
        Picky("ann", status_code=403),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    ],
)
def test_an_error_comes_back_as_what_it_was(error: Exception) -> None:
    again = rebuild(describe(error))

    assert (type(again).__name__, str(again), repr(again)) == (
        type(error).__name__,
        str(error),
        repr(error),
    )


def test_a_loaded_class_is_used_even_if_its_constructor_wants_more() -> None:
    again = rebuild(describe(Picky("ann", status_code=403)))

    assert isinstance(again, Picky)
    assert (again.status_code, again.body) == (403, {"user": "ann"})


def test_a_class_that_is_not_loaded_is_stood_in_for_below_its_nearest_base() -> None:
    value = describe(Plain("gone"))
    value |= {"class": "Vanished", "module": "nowhere.at_all"}
    value["repr"] = "Vanished('gone')"
    value["bases"] = ["nowhere.at_all:Middle", "builtins:LookupError", "builtins:Exception"]

    again = rebuild(value)

    assert isinstance(again, LookupError)
    assert (type(again).__name__, str(again), repr(again)) == (
        "Vanished",
        "gone",
        "Vanished('gone')",
    )
    assert "nowhere" not in sys.modules


def test_a_message_that_was_masked_is_raised_masked() -> None:
    value = describe(ValueError("key sk-1"))
    masked = {name: str(text).replace("sk-1", "rx1_X") for name, text in value.items()}

    again = rebuild({**masked, "args": ["key rx1_X"], "bases": value["bases"]})

    assert (type(again), str(again)) == (ValueError, "key rx1_X")


def test_causes_are_described_and_bounded() -> None:
    error: Exception = ValueError("0")
    for number in range(1, 20):
        step = ValueError(str(number))
        step.__cause__ = error
        error = step

    causes = describe(error)["causes"]

    assert [cause["message"] for cause in causes] == [str(n) for n in range(18, 18 - CAUSES, -1)]  # type: ignore[attr-defined]


def test_an_error_that_cannot_be_printed_is_described_all_the_same() -> None:
    assert describe(Unprintable())["message"] == "<unprintable Unprintable>"


def test_nothing_is_imported_to_raise_an_error() -> None:
    value = {"class": "TooLarge", "module": "zipfile", "message": "m", "repr": "r", "bases": []}
    program = (
        "import sys, orjson; from forkpoint.capture.failures import rebuild\n"
        f"rebuild(orjson.loads({orjson.dumps(value)!r}))\n"
        "sys.exit('zipfile' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
