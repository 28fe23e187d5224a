from __future__ import annotations

import json
from typing import Any

import pytest
from forkpoint.errors import EventError
from forkpoint.events import model, wire
from forkpoint.events.kinds import Kind
from hypothesis import given
from hypothesis import strategies as st

ID = "01999999-9999-7999-8999-999999999999"
ROOT = "A" * 43
START: dict[str, Any] = {
    "event_type": "step_started",
    "run_id": ID,
    "step_id": ID,
    "sequence_no": 0,
    "time_ns": 1,
    "kind": "tool",
    "name": "search",
    "key": "r#0",
}


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"v": 2}, "version_unknown", "v"),
        ({"event_type": "step_paused"}, "unknown_event_type", "event_type"),
        ({"event_type": ["step_started"]}, "unknown_event_type", "event_type"),
        ({"kind": "oracle"}, "unknown_kind", "kind"),
        ({"kind": {"tool": 1}}, "unknown_kind", "kind"),
        ({"run_id": "42"}, "id_invalid", "run_id"),
        ({"parent_id": "ABCDEF99-9999-7999-8999-999999999999"}, "id_invalid", "parent_id"),
        ({"signature": "short"}, "root_invalid", "signature"),
        ({"artifacts": [{"role": "output", "root": "x"}]}, "root_invalid", "artifacts[0].root"),
        ({"name": "x" * 257}, "field_too_large", "name"),
        ({"site": "x" * 2_000_000}, "field_too_large", "site"),
        ({"name": "a\0b"}, "nul_byte", "name"),
        ({"key": "\ud800"}, "lone_surrogate", "key"),
        ({"time_ns": float("nan")}, "not_finite", "time_ns"),
        ({"time_ns": 2**63}, "schema_invalid", "time_ns"),
        ({"sequence_no": "0"}, "schema_invalid", "sequence_no"),
        ({"prompt": "hello"}, "schema_invalid", "prompt"),
        (
            {"replay": {"session": {"a": {"b": {"c": {"d": {"e": {"f": {"g": {}}}}}}}}}},
            "schema_invalid",
            None,
        ),
    ],
)
def test_each_mistake_has_its_own_code_and_names_the_field(change: object, code: str, field: str):
    with pytest.raises(EventError) as caught:
        wire.read_event({**START, **change})  # type: ignore[dict-item]

    assert caught.value.code == code
    assert field is None or caught.value.details["field"] == field


@pytest.mark.parametrize("value", [None, 1, "x", [START]])
def test_what_is_no_object_is_no_event(value: object):
    with pytest.raises(EventError, match="JSON object"):
        wire.read_event(value)


def test_a_message_never_repeats_the_input():
    with pytest.raises(EventError) as caught:
        wire.read_event({**START, "sequence_no": "hunter2"})

    assert "hunter2" not in str(caught.value)


def test_a_missing_field_is_named():
    with pytest.raises(EventError) as caught:
        wire.read_event({name: value for name, value in START.items() if name != "key"})

    assert caught.value.details["field"] == "key"


names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)


@given(kind=st.sampled_from(list(Kind)), name=names, key=names, sequence_no=st.integers(0, 2**62))
def test_an_event_survives_the_wire(kind: Kind, name: str, key: str, sequence_no: int):
    event = model.StepStarted(
        run_id=ID,
        step_id=ID,
        sequence_no=sequence_no,
        time_ns=2**62,
        kind=kind,
        name=name,
        key=key,
        artifacts=(model.ArtifactRef(role="output", root=ROOT, size=3),),
        replay=model.ReplayInfo(session="s", mode=model.Mode.EXACT),
    )

    line = wire.encode(event)

    assert b"\n" not in line
    assert wire.read_event(json.loads(line)) == event


def test_the_digest_sees_every_field_and_no_order():
    event = wire.read_event(START)

    assert wire.content_digest(event) == wire.content_digest(
        wire.read_event(dict(reversed(START.items())))
    )
    assert wire.content_digest(event) != wire.content_digest(
        wire.read_event({**START, "time_ns": 2})
    )


def test_run_records_are_read_with_the_same_care():
    start = {"run_id": ID, "name": "agent", "started_ns": 1}

    assert wire.read_run_start(start).content_format == "content/1"
    with pytest.raises(EventError) as caught:
        wire.read_run_end({"run_id": ID, "status": "fine", "ended_ns": 1})
    assert caught.value.details["field"] == "status"
