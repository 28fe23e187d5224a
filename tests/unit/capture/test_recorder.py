"""The recorder never breaks its host, and says what it lost."""

from __future__ import annotations

import threading
from pathlib import Path

import forkpoint
import pytest
from forkpoint.capture import recorder as recording
from forkpoint.capture.recorder import Recorder
from forkpoint.events.model import Gap, StepEnded, StepStarted
from forkpoint.settings import Settings
from forkpoint.testing.memory import MemorySink, Recorded, recorded


@forkpoint.tool(effect="pure")
def leaf(text: str = "") -> str:
    return text


def settings(**changes: object) -> Settings:
    return Settings(data=Path("unused"), **changes)  # type: ignore[arg-type]


def without_thread(memory: Recorded) -> None:
    """Nothing is written until the test asks: as if the thread were starved."""
    memory.recorder._start = lambda: None  # type: ignore[method-assign]


def test_a_full_queue_loses_steps_whole_and_a_gap_says_how_many() -> None:
    with recorded(settings(queue_events=6)) as memory:
        without_thread(memory)
        with forkpoint.run("r"):
            for _ in range(5):
                assert leaf("x") == "x"
            memory.recorder.drain()
            leaf("y")
        events = memory.events

    gaps = [event for event in events if isinstance(event, Gap)]
    starts = [event.step_id for event in events if isinstance(event, StepStarted)]
    ends = [event.step_id for event in events if isinstance(event, StepEnded)]
    assert sorted(starts) == sorted(ends)
    assert sum(gap.count for gap in gaps) == 2 * (6 - len(starts)) > 0
    assert [event.sequence_no for event in events] == list(range(len(events)))
    assert memory.recorder.counters.read()["events_lost"] == sum(gap.count for gap in gaps)


def test_a_full_queue_of_bytes_withholds_the_newest_payload() -> None:
    with recorded(settings(queue_bytes=2_000)) as memory:
        without_thread(memory)
        with forkpoint.run("r"):
            leaf("a" * 800)
            leaf("b" * 800)

    first, second = memory.step("r#0").artifacts[0], memory.step("r#1").artifacts[0]
    assert first.root is not None
    assert (second.root, second.reason) == (None, "overload")


def test_a_full_spool_keeps_facts_and_withholds_payload() -> None:
    with recorded(sink=MemorySink(capacity=recording.LOW_ROOM + 450)) as memory, forkpoint.run("r"):
        leaf("a" * 500)
        leaf("b" * 500)

    assert memory.step("r#0").artifacts[0].root is not None
    assert memory.step("r#1").artifacts[0].reason == "overload"


def test_closed_refuses_a_call_before_it_acts_when_it_cannot_be_recorded() -> None:
    acted: list[object] = []

    @forkpoint.tool
    def act(thing: object) -> None:
        acted.append(thing)

    with recorded(settings(fail="closed"), sink=MemorySink(capacity=5 << 20)) as memory:
        with pytest.raises(forkpoint.CaptureError, match="args"), forkpoint.run("r"):
            act(object())
        memory.sink.capacity = recording.LOW_ROOM - 1
        with pytest.raises(forkpoint.CaptureError, match="full"), forkpoint.run("r"):
            act(1)
    assert acted == []


def test_closed_loses_nothing_of_a_full_queue() -> None:
    limits = settings(fail="closed", queue_events=6, queue_bytes=2_000)
    with recorded(limits) as memory:
        without_thread(memory)
        with forkpoint.run("r"):
            for number in range(50):
                leaf(str(number) * 300)
        assert memory.recorder.flush(1)

    assert len([event for event in memory.events if isinstance(event, StepEnded)]) == 50
    assert not [event for event in memory.events if isinstance(event, Gap)]
    assert memory.recorder.counters.losses() == {}


def test_closed_waits_for_room_in_the_spool_as_long_as_it_was_told() -> None:
    class Emptied(MemorySink):
        looks = 0

        def room(self) -> int:
            self.looks += 1
            return super().room() if self.looks > 5 else 0

    with recorded(settings(fail="closed", fail_wait_s=60.0), sink=Emptied()) as memory:
        with forkpoint.run("r"):
            assert leaf("x") == "x"
        assert memory.step("r#0").artifacts[0].root is not None


def test_a_flush_after_a_loss_is_none_and_the_next_is_one() -> None:
    with recorded(settings(queue_events=6)) as memory:
        without_thread(memory)
        with forkpoint.run("r"):
            for _ in range(5):
                leaf("x")
            assert not memory.recorder.flush(1)
            leaf("y")
        assert memory.recorder.flush(1)


def test_closed_refuses_a_run_without_a_key() -> None:
    def no_key(_run_id: object) -> object:
        raise OSError("unreadable")

    with recorded(settings(fail="closed")) as memory:
        memory.recorder._loader = no_key  # type: ignore[assignment]
        with pytest.raises(forkpoint.CaptureError, match="key"), forkpoint.run("r"):
            pass


def test_without_a_key_every_payload_is_withheld_and_the_host_goes_on() -> None:
    def no_key(_run_id: object) -> object:
        raise OSError("unreadable")

    with recorded() as memory:
        memory.recorder._loader = no_key  # type: ignore[assignment]
        with forkpoint.run("r"):
            assert leaf("secret") == "secret"
        assert b"secret" not in memory.text()

    refs = (*memory.step("r#0").artifacts, *memory.ended("r#0").artifacts)
    assert {(ref.root, ref.reason) for ref in refs} == {(None, "key_missing")}
    assert memory.run.redaction_key_id is None


def test_a_bug_of_ours_costs_the_payload_and_not_the_fact(
    memory: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> object:
        raise RuntimeError("bug")

    with forkpoint.run("r") as run:
        monkeypatch.setattr("forkpoint.capture.payloads.Payloads._stored", broken)
        monkeypatch.setattr("forkpoint.capture.payloads.Payloads.redacted", broken)
        assert leaf("x") == "x"
        run.set_output("done")

    assert memory.step("r#0").artifacts[0].reason == "internal"
    assert memory.ended("r#0").artifacts[0].reason == "internal"
    assert memory.recorder.counters.read()["internal_errors"] == 4  # the surroundings too


def test_a_bug_in_front_of_the_queue_leaves_the_call_unrecorded(
    memory: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> object:
        raise RuntimeError("bug")

    with forkpoint.run("r"):
        monkeypatch.setattr("forkpoint.capture.beginning.StepBegun", broken)
        assert leaf("x") == "x"

    assert memory.steps == []
    assert memory.recorder.counters.read()["internal_errors"] == 1


def test_the_thread_starts_with_the_first_fact_and_writes_without_being_asked(
    memory: Recorded,
) -> None:
    assert memory.recorder._thread is None
    written = threading.Event()
    drain = Recorder.drain

    def told(self: Recorder) -> None:
        drain(self)
        if memory.sink.events:
            written.set()

    memory.recorder.drain = lambda: told(memory.recorder)  # type: ignore[method-assign]
    with forkpoint.run("r"):
        leaf()
        assert written.wait(5)
    assert memory.recorder._thread is not None
    assert memory.recorder._thread.daemon


def test_a_secret_learned_in_a_run_is_masked_from_then_on(memory: Recorded) -> None:
    with forkpoint.run("r"):
        leaf("learned-canary-1")
        memory.recorder.drain()
        forkpoint.add_secret("learned-canary-1")
        leaf("learned-canary-1")

    assert memory.input("r#0", "args") == {"text": "learned-canary-1"}
    assert str(memory.input("r#1", "args")["text"]).startswith("rx1_VALUE_")  # type: ignore[index,call-overload]


def test_threads_record_at_once_without_losing_anything(memory: Recorded) -> None:
    def work() -> None:
        for _ in range(200):
            leaf("x")

    with forkpoint.run("r"):
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert len(set(memory.keys())) == 1600
    assert memory.end.events == {"0": 3200 + 1}  # and the order in which the threads ended


def test_isolated_runs_have_other_tokens_for_the_same_value() -> None:
    with recorded(settings(redaction=forkpoint.Redaction(isolation="run"))) as memory:
        for _ in range(2):
            with forkpoint.run("r", attributes={"password": "hunter2"}):
                pass
        memory.recorder.drain()
    first, second = (memory.value(run.artifacts, "attributes") for run in memory.sink.starts)

    assert first != second
    assert memory.sink.starts[0].redaction_key_id != memory.sink.starts[1].redaction_key_id


def test_a_host_that_never_rests_is_written_out_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written: list[int] = []

    class Counting(MemorySink):
        def flush(self) -> None:
            written.append(len(self.events))

    monkeypatch.setattr(recording, "POLL_S", 0.0)
    with recorded(sink=Counting()) as memory:
        without_thread(memory)
        with forkpoint.run("r"):
            for _ in range(5):
                leaf("x")
        memory.recorder.drain()

    assert {2, 5, 8} <= set(written)


def test_closed_refuses_calls_while_the_disk_refuses_writes() -> None:
    class Failing(MemorySink):
        def failing(self) -> bool:
            return True

    with (
        recorded(settings(fail="closed"), sink=Failing()),
        pytest.raises(forkpoint.CaptureError, match="cannot be written"),
        forkpoint.run("r"),
    ):
        raise AssertionError("the run began")


@pytest.mark.parametrize(("filling", "times"), [(1024, 8), (0, 0)])
def test_the_thread_gives_way_between_facts_until_the_queue_fills(
    monkeypatch: pytest.MonkeyPatch, filling: int, times: int
) -> None:
    slept: list[float] = []
    with recorded() as memory:
        without_thread(memory)
        with forkpoint.run("r"):
            for _ in range(3):
                leaf("x")
        monkeypatch.setattr(recording, "CROWDED", min(filling, 64))
        monkeypatch.setattr(recording, "FILLING", filling)
        monkeypatch.setattr(recording.time, "sleep", slept.append)
        memory.recorder.drain()

    assert len(slept) == times
    assert len(memory.steps) == 3
