"""Recordings that are cut short, damaged, withheld or foreign."""

from __future__ import annotations

import msgspec
import pytest
from forkpoint.errors import ReplayError
from forkpoint.events.kinds import ArtifactState, Kind, Verdict
from forkpoint.events.model import Gap, StepEnded
from forkpoint.replay.codes import (
    BREACHES,
    DIVERGENCES,
    FAILURES,
    INCOMPARABLE,
    STOPS,
    error_exit,
    exit_code,
    verdict_of,
)
from forkpoint.replay.interception import Diverged
from forkpoint.replay.recording import Recording
from unit.replay.tapes import Player, Tape


def two() -> Tape:
    tape = Tape()
    tape.tool("search", "a", 1)
    tape.tool("save", "b", 2)
    return tape


@pytest.mark.parametrize("kept", range(5))
def test_a_killed_run_replays_its_prefix_and_stops_where_it_ends(kept: int):
    tape = two()
    del tape.events[kept:]
    player = Player(tape.recording(prefix=True))
    served: list[object] = []

    with pytest.raises(Diverged) as raised:
        for name, query in (("search", "a"), ("save", "b"), ("next", "c")):
            served.append(player.tool(name, query))
    report = player.finish()

    assert (served, raised.value.reason) == ([1, 2][: kept // 2], "end_of_recording")
    assert (report["verdict"], report["exit"], report["matched"]) == (Verdict.PARTIAL, 1, kept // 2)
    assert report["failedStep"]["reason"] == "end_of_recording"


def test_a_prefix_replayed_to_its_very_end_is_partial_not_identical():
    player = Player(two().recording(prefix=True))
    player.tool("search", "a")
    player.tool("save", "b")

    assert player.finish()["verdict"] == Verdict.PARTIAL


def test_lost_events_make_a_recording_incomplete():
    tape = two()
    end = tape.end()
    del tape.events[3:]

    with pytest.raises(ReplayError) as raised:
        Recording.load(tape.start(), end, tape.events, tape.store.get)

    assert raised.value.code == "recording_incomplete"


def test_a_hole_in_the_sequence_makes_a_recording_incomplete():
    tape = two()
    del tape.events[1]

    with pytest.raises(ReplayError, match="writer 0 are missing"):
        tape.recording(prefix=True)


def test_a_gap_makes_a_recording_incomplete():
    tape = two()
    gap = Gap(
        run_id=tape.start().run_id,
        sequence_no=4,
        time_ns=0,
        first=4,
        last=4,
        count=9,
        reason="full",
    )
    tape.events.append((4, gap))

    with pytest.raises(ReplayError, match="1 gaps"):
        tape.recording()


def test_an_end_without_a_start_makes_a_recording_incomplete():
    tape = two()
    seq, event = tape.events[0]
    tape.events[0] = (seq, msgspec.structs.replace(event, step_id=event.step_id[:-1] + "x"))

    with pytest.raises(ReplayError, match="never started"):
        tape.recording()


def test_another_content_format_cannot_be_compared():
    tape = two()
    start = msgspec.structs.replace(tape.start(), content_format="content/2")

    with pytest.raises(ReplayError) as raised:
        Recording.load(start, None, tape.events, tape.store.get)

    assert (raised.value.code, error_exit(raised.value)) == ("codec_mismatch", 125)


@pytest.mark.parametrize("state", [ArtifactState.PENDING, ArtifactState.AT_RISK])
def test_payloads_not_yet_clean_are_not_replayed(state: ArtifactState):
    tape = two()
    seq, event = tape.events[1]
    assert isinstance(event, StepEnded)
    dirty = tuple(msgspec.structs.replace(ref, state=state) for ref in event.artifacts)
    tape.events[1] = (seq, msgspec.structs.replace(event, artifacts=dirty))

    with pytest.raises(ReplayError) as raised:
        tape.recording()

    assert raised.value.code == "not_clean"


def test_a_withheld_answer_stops_the_replay_unless_the_ladder_has_one():
    tape = Tape()
    tape.call(Kind.TOOL, "search", {"args": 1}, withheld=True)
    stopped = Player(tape.recording())
    simulated = Player(
        tape.recording(),
        policy={"default": {"on_miss": ["simulated"], "simulate": {"static": "made up"}}},
    )

    with pytest.raises(Diverged) as raised:
        stopped.served(Kind.TOOL, "search", {"args": 1})

    assert raised.value.reason == "payload_withheld"
    assert simulated.served(Kind.TOOL, "search", {"args": 1}).output == "made up"


def test_a_damaged_block_fails_the_replay_without_a_verdict():
    tape = two()
    recording = tape.recording()
    for digest in list(tape.store.blocks):
        tape.store.blocks[digest] = b"null"
    player = Player(recording)

    with pytest.raises(Diverged) as raised:
        player.tool("search", "a")

    assert raised.value.reason == "integrity_failed"
    report = player.finish()
    assert (report["verdict"], report["exit"]) == (None, 2)


def test_a_breach_is_never_forgiven():
    player = Player(two().recording())
    player.tool("search", "a")
    player.session.breach("guard_network", "r#1")
    player.tool("save", "b")

    report = player.finish()

    assert (report["verdict"], report["failedStep"]["reason"]) == (
        Verdict.DIVERGED,
        "guard_network",
    )


def test_every_code_has_the_exit_of_its_group():
    groups = {1: DIVERGENCES | BREACHES | STOPS, 125: INCOMPARABLE, 2: FAILURES}

    found = {
        exit: {exit_code(verdict_of(code)) for code in codes} for exit, codes in groups.items()
    }

    assert found == {1: {1}, 125: {125}, 2: {2}}
    assert [exit_code(verdict) for verdict in (Verdict.IDENTICAL, Verdict.FORKED)] == [0, 0]
