"""The quick way of reading events takes what `read_event` takes, and refuses what it refuses."""

from __future__ import annotations

import json
from typing import Any

from forkpoint.errors import EventError
from forkpoint.events.wire import content_digest, read_event
from forkpoint_server.ingestion.incoming import read_events
from forkpoint_server.ingestion.reading import Read, read_all, read_line
from hypothesis import given
from hypothesis import strategies as st
from recorded_runs import RecordedRun

RUN = RecordedRun(run_id="01a20000-0000-7000-8000-000000000001")
STARTED = RUN.began("r#0", kind="model", model="m", site="a:b") | {
    "artifacts": [{"role": "input.args", "root": "A" * 43, "size": 3}],
    "signature": "A" * 43,
    "replay": {"session": "s", "mode": "exact", "source": {"run": "r", "key": "k", "seq": 4}},
}
ENDED = RUN.ended("r#0", tokens_in=4, finish_reason="stop")

OTHERS = [
    "unknown",
    "cost_micro_usd",
    "tokens_out",
    "chunks",
    "artifacts.root",
    "artifacts.reason",
    "artifacts.size",
    "replay.rule",
    "replay.waited_ns",
    "replay.executor",
    "replay.source",
]

texts = st.sampled_from(
    ["", "x", "\0", "\ud800", "y" * 256, "y" * 257, "z" * 70_000, "\\u0000", "A" * 43, "é" * 300]
)
values = st.one_of(
    texts,
    st.sampled_from([None, True, 1, 1.0, 1.5, float("nan"), -1, 2**63 - 1, 2**63, -(2**63), 2**70]),
    st.sampled_from([[], {}, [{"role": "x"}], {"a": [[[[[[[[[1]]]]]]]]]}]),
)


@given(
    st.sampled_from([STARTED, ENDED]),
    st.dictionaries(
        st.sampled_from([*STARTED, *ENDED, *OTHERS]),
        values,
        max_size=2,
    ),
)
def test_each_event_or_mistake_is_the_one_that_the_schema_says(
    event: dict[str, Any], changes: dict[str, Any]
):
    changed = {**event, **{k: v for k, v in changes.items() if "." not in k}}
    for name in [name for name in changes if "." in name]:
        outer, _, inner = name.partition(".")
        if outer == "artifacts":
            changed["artifacts"] = [{"role": "x", "root": "A" * 43, inner: changes[name]}]
        else:
            changed["replay"] = {"session": "s", "mode": "live", inner: changes[name]}

    [quick] = read_all([changed])
    [line] = read_all([_as_line(changed)])

    assert _shown(quick) == _shown(line) == _shown(_slow(changed))


def test_the_digest_of_an_event_is_that_of_the_schema():
    read, _ = read_events([STARTED, ENDED])

    assert [each.digest for each in read] == [content_digest(each.event) for each in read]


def test_one_bad_event_does_not_hide_the_others():
    read, rejected = read_events([STARTED, {**ENDED, "kind": 3}, ENDED])

    assert [each.index for each in read] == [0, 2]
    assert [(each.index, each.code) for each in rejected] == [(1, "schema_invalid")]


def _as_line(value: dict[str, Any]) -> object:
    """The event as the door for lines hands it on."""
    text = json.dumps(value).encode()
    return read_line(text) or json.loads(text)


def _slow(value: object) -> object:
    try:
        return read_event(value)
    except EventError as error:
        return error
    except TypeError:
        return EventError("", field="")


def _shown(result: object) -> object:
    if isinstance(result, EventError):
        return (result.code, result.details.get("field"))
    return result.event if isinstance(result, Read) else result
