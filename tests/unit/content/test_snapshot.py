"""Snapshots: what the host hands over, as bytes it cannot change any more."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import math
import pathlib
import subprocess
import sys
import types
import uuid

import msgspec
import pydantic
import pytest
from forkpoint.content import Limits, restore_snapshot, snapshot
from forkpoint.content.errors import LimitExceeded, NotEncodable
from hypothesis import HealthCheck, given, settings
from unit.content.values import VALUE


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Name(str):
    __slots__ = ()


class Model(pydantic.BaseModel):
    role: str
    at: datetime.date


class Struct(msgspec.Struct):
    role: str


@dataclasses.dataclass
class Record:
    role: str
    _hidden: int = 1


Point = collections.namedtuple("Point", "x y")
DAY = datetime.date(2026, 5, 1)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(VALUE)
def test_a_snapshot_restores_to_the_same_text(value):
    assert repr(restore_snapshot(snapshot(value))) == repr(value)


@pytest.mark.parametrize("beside", [None, "\ud800"], ids=["fast", "copied"])
@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ((1, 2), [1, 2]),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset({"b", "a"}), ["a", "b"]),
        ({1, "1", None}, ["1", 1, None]),
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        (Name("n"), "n"),
        (Model(role="user", at=DAY), {"role": "user", "at": "2026-05-01"}),
        (Struct("user"), {"role": "user"}),
        (Record("user"), {"role": "user", "_hidden": 1}),
        (Point(1, 2), [1, 2]),
        (collections.deque([1]), [1]),
        (range(3), [0, 1, 2]),
        ({"a": 1}.keys(), ["a"]),
        (types.MappingProxyType({"a": 1}), {"a": 1}),
        (collections.OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (DAY, "2026-05-01"),
        (datetime.datetime(2026, 5, 1, 12, tzinfo=datetime.UTC), "2026-05-01T12:00:00+00:00"),
        (datetime.timedelta(seconds=90), 90.0),
        (decimal.Decimal("1.10"), "1.10"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (pathlib.PurePosixPath("/a/b"), "/a/b"),
        (bytearray(b"x"), b"x"),
        (2**100, 2**100),
        ({2**100: 1, "\udc00": 2, (1, (2,)): 3}, {2**100: 1, "\udc00": 2, (1, (2,)): 3}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_foreign_type_becomes_a_plain_value_on_either_way(value, plain, beside):
    restored = restore_snapshot(snapshot([value, beside]))

    assert restored == [plain, beside]
    assert repr(restored[0]) == repr(plain)


def test_what_the_host_changes_later_is_not_in_the_snapshot():
    message = {"content": ["before"]}
    data = snapshot(message)
    message["content"][0] = "after"

    assert restore_snapshot(data) == {"content": ["before"]}


def test_numbers_json_cannot_say_are_kept():
    restored = restore_snapshot(snapshot([math.nan, math.inf, -0.0, 1.0, b"\0"]))

    assert repr(restored) == "[nan, inf, -0.0, 1.0, b'\\x00']"


def test_set_order_is_the_same_in_two_processes():
    code = (
        "from forkpoint.content import snapshot;"
        "print(snapshot({'tags': {str(n) for n in range(50)} | {1, 2.5, None, ('a', 1)}}).hex())"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("1", "2")
    }

    assert len(seen) == 1


@pytest.mark.parametrize("value", [object(), Model, (n for n in ()), lambda: 0, 1j])
def test_a_type_nothing_is_known_about_is_refused_by_name(value):
    with pytest.raises(NotEncodable):
        snapshot({"args": [value]})


def test_a_value_that_holds_itself_is_refused():
    value = {}
    value["self"] = value

    with pytest.raises(LimitExceeded):
        snapshot(value)


def test_a_snapshot_over_its_limit_is_refused():
    with pytest.raises(LimitExceeded):
        snapshot("x" * 2000, Limits(snapshot_bytes=1000))
