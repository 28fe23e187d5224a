"""The wire format over time: what was released reads to the same, what is newer is kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from forkpoint.errors import EventError
from forkpoint.events import wire
from forkpoint.events.growth import join, split
from forkpoint.events.model import (
    RESERVED,
    SCHEMA_MINOR,
    SCHEMA_VERSION,
    Event,
    RunEnd,
    RunStart,
    StepStarted,
)
from forkpoint.events.upgrade import UPGRADES, upgraded
from hypothesis import given
from hypothesis import strategies as st

GOLDEN = Path(__file__).parents[2] / "fixtures" / "events"
RELEASED = {
    "1.0": "575568cb0f99b8943403bd3e17c7f9915c238e012d7227b1e75e340b1f515057",
    "1.1": "9a7d95fdb42c66b89f885b727ef5be68b59d46a711b82b3f42919f2621c688fd",
}
"""Golden files by version, with their SHA-256: a released one is never edited."""
READERS = {
    "event": wire.read_event,
    "run_start": wire.read_run_start,
    "run_end": wire.read_run_end,
}
NEWER = SCHEMA_MINOR + 1


def golden() -> list[Any]:
    return [
        pytest.param(row, id=f"{version} {row['name']}")
        for version in RELEASED
        for row in json.loads((GOLDEN / f"{version}.json").read_text())
    ]


@pytest.mark.parametrize("row", golden())
def test_a_released_record_reads_to_the_same_meaning(row: dict[str, Any]):
    record = READERS[row["record"]](row["wire"])

    assert row["means"].items() <= meaning(record).items()
    if row["record"] == "event":
        assert wire.content_digest(record).hex() == row["digest"]  # type: ignore[arg-type]


@pytest.mark.parametrize("row", golden())
def test_a_released_record_is_written_as_it_was(row: dict[str, Any]):
    record = READERS[row["record"]](row["wire"])

    assert _said(json.loads(wire.encode(record))) == _said(row["wire"])


@pytest.mark.parametrize("version", RELEASED)
def test_a_golden_file_is_not_edited_once_it_is_released(version: str):
    body = (GOLDEN / f"{version}.json").read_bytes()

    assert hashlib.sha256(body).hexdigest() == RELEASED[version]


def test_there_is_a_golden_file_of_every_version_and_an_upgrade_from_each_older_one():
    minors = {f"{SCHEMA_VERSION}.{minor}" for minor in range(SCHEMA_MINOR + 1)}

    assert minors <= RELEASED.keys()
    assert UPGRADES.keys() == set(range(1, SCHEMA_VERSION))


FUTURE: dict[str, Any] = {
    "event_type": "step_started",
    "run_id": "01999999-9999-7999-8999-999999999999",
    "step_id": "01999999-9999-8999-8999-999999999999",
    "sequence_no": 0,
    "time_ns": 1,
    "kind": "tool",
    "name": "search",
    "key": "r#0",
    "minor": NEWER,
    "cpu_ns": 17,
    "region": {"name": "eu", "zones": [1, None, 2.5]},
    "artifacts": [
        {"role": "input.args", "root": "A" * 43, "size": 1},
        {"role": "input.more", "root": "A" * 43, "size": 1, "encoding": "cbor"},
    ],
    "replay": {
        "session": "s",
        "mode": "exact",
        "cache": "warm",
        "source": {"run": "r", "key": "r#0", "seq": 0, "age_ns": 3},
    },
}


def test_fields_of_a_newer_minor_version_come_back_as_they_were_sent_at_every_depth():
    event = wire.read_event(FUTURE)

    assert isinstance(event, StepStarted)
    assert event.name == "search"
    assert json.loads(wire.encode(event)) == FUTURE
    assert wire.to_builtins(event) == FUTURE
    assert json.loads(wire.encode(wire.without_beyond(event))).keys() == (
        FUTURE.keys() - {"cpu_ns", "region"}
    )


def test_what_it_adds_is_part_of_what_an_event_says():
    other = FUTURE | {"cpu_ns": 18}

    assert wire.content_digest(wire.read_event(other)) != wire.content_digest(
        wire.read_event(FUTURE)
    )


@pytest.mark.parametrize(
    "record",
    [
        {"run_id": FUTURE["run_id"], "name": "a", "started_ns": 1, "minor": NEWER, "mood": 1},
        {"run_id": FUTURE["run_id"], "status": "ok", "ended_ns": 1, "minor": NEWER, "mood": 1},
    ],
)
def test_the_records_of_a_run_keep_them_too(record: dict[str, object]):
    read = wire.read_run_start if "name" in record else wire.read_run_end

    assert json.loads(wire.encode(read(record))) == record


@pytest.mark.parametrize("minor", [{}, {"minor": 0}, {"minor": SCHEMA_MINOR}])
def test_an_unknown_field_of_a_known_version_is_a_mistake(minor: dict[str, int]):
    fields = {k: v for k, v in FUTURE.items() if k not in ("minor", "artifacts", "replay")}

    with pytest.raises(EventError) as caught:
        wire.read_event(fields | minor)

    assert caught.value.code == "schema_invalid"


def test_the_name_that_fields_of_newer_versions_have_inside_is_refused_outside():
    with pytest.raises(EventError) as caught:
        wire.read_event(FUTURE | {RESERVED: {"name": "other"}})

    assert caught.value.details["field"] == RESERVED


def test_fields_of_a_newer_version_are_bounded():
    with pytest.raises(EventError) as caught:
        wire.read_event(FUTURE | {"much": "x" * 20_000})

    assert (caught.value.code, caught.value.details["field"]) == ("field_too_large", "much")


@pytest.mark.parametrize("version", [0, 2, -1, "1", True, None, 1.5])
@pytest.mark.parametrize("read", READERS.values())
def test_a_newer_major_version_has_a_code_of_its_own(read: Any, version: object):
    with pytest.raises(EventError) as caught:
        read(FUTURE | {"v": version})

    assert (caught.value.code, caught.value.details["field"]) == ("version_unknown", "v")


def test_an_older_version_is_brought_to_the_newest_one_step_at_a_time():
    def second(fields: Mapping[str, object]) -> Mapping[str, object]:
        return {**fields, "v": 2, "label": fields["name"]}

    def third(fields: Mapping[str, object]) -> Mapping[str, object]:
        return {**{k: v for k, v in fields.items() if k != "name"}, "v": 3}

    chain = {1: second, 2: third}

    assert upgraded({"name": "a"}, newest=3, upgrades=chain) == {"v": 3, "label": "a"}
    assert upgraded({"v": 2, "label": "b", "name": "c"}, newest=3, upgrades=chain) == {
        "v": 3,
        "label": "b",
    }
    assert upgraded({"v": 3, "label": "b"}, newest=3, upgrades=chain) == {"v": 3, "label": "b"}


scalars = st.sampled_from([None, True, 7, "text"])
names = st.sampled_from(["name", "new", "replay", "artifacts", "source", "0"])
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=8,
)


@given(st.dictionaries(names, values, max_size=4))
def test_what_was_parted_joins_to_the_same(fields: dict[str, object]):
    assert join(*split(fields, StepStarted)) == fields


def meaning(value: Any) -> Any:
    """All fields of a record, those left out on the wire included."""
    if isinstance(value, Event | RunStart | RunEnd):
        tag = value.__struct_config__.tag
        return _fields(value) | ({"event_type": tag} if tag else {})
    if isinstance(value, msgspec.Struct):
        return _fields(value)
    if isinstance(value, list | tuple):
        return [meaning(item) for item in value]
    return msgspec.to_builtins(value)


def _said(fields: dict[str, object]) -> dict[str, object]:
    """What a record says beside the defaults, which may be left out."""
    defaults = {"v": 1, "content_format": "content/1", "signature_codec": "sig/1"}
    return {k: v for k, v in fields.items() if (k, v) not in defaults.items()}


def _fields(struct: msgspec.Struct) -> dict[str, Any]:
    return {name: meaning(getattr(struct, name)) for name in struct.__struct_fields__}
