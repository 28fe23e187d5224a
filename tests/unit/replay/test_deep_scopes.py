"""Scopes whose names are shortened: nothing may depend on their length."""

from __future__ import annotations

from forkpoint.events.kinds import Kind, Verdict
from forkpoint.replay.cut import find_cut, past
from forkpoint.replay.identity import child_strand
from forkpoint.replay.index import build
from unit.replay.tapes import Player, Tape


def deep(tape: Tape) -> tuple[str, str]:
    """An agent so deep that its own key is shortened; its scope, and a strand below it."""
    scope = "r"
    for _ in range(12):
        scope = tape.open(Kind.AGENT, "worker", {"input": 1}, scope=scope)
        scope = child_strand(scope, count=0, name="a_rather_long_function_name", repeat=0)
    outer = tape.open(Kind.TOOL, "outer", {"args": 1}, scope=scope)
    inner = tape.tool("inner", "x", 1, scope=outer)
    tape.close(outer, "whole")
    return outer, inner


def test_steps_inside_a_deep_step_are_elided_with_it():
    tape = Tape()
    outer, inner = deep(tape)
    recording = tape.recording(prefix=True)
    index = build(recording)

    assert index.inner[recording.by_key[outer]] == [recording.by_key[inner]]


def test_everything_around_a_deep_cut_is_past_up_to_the_root():
    tape = Tape()
    first = tape.tool("plan", "p")
    outer, _ = deep(tape)
    last = tape.tool("end", "z")
    recording = tape.recording(prefix=True)

    before = past(recording, build(recording), find_cut(recording, outer, "before"))

    assert before[recording.by_key[first]] == 1
    assert (before[recording.by_key[outer]], before[recording.by_key[last]]) == (0, 0)


def test_a_deep_run_replays_identically():
    tape = Tape()
    agent = tape.open(Kind.AGENT, "worker", {"input": 1}, scope="r/0." + "x" * 190 + ".0")
    tape.tool("search", "a", 7, scope=agent)
    tape.close(agent, "done")
    player = Player(tape.recording())
    player.begin(Kind.AGENT, "worker", {"input": 1}, scope="r/0." + "x" * 190 + ".0")

    assert player.tool("search", "a", scope=agent) == 7
    assert player.finish()["verdict"] == Verdict.IDENTICAL
