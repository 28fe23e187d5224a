"""Replay: what a recorded answer costs, alone and through the recorder, and how it starts."""

from __future__ import annotations

import gc
import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

import forkpoint
from forkpoint.bundle import read_bundle, write_bundle
from forkpoint.events.kinds import Kind, Verdict
from forkpoint.events.model import StepStarted
from forkpoint.replay.identity import scope_of
from forkpoint.replay.interception import CallView, Served
from forkpoint.replay.recording import Recording
from forkpoint.replay.session import Session
from forkpoint.replay.spec import read_spec
from forkpoint.testing.memory import Recorded, recorded

from benchmarks.cassettes import vcrpy_call_us

STEPS = 10_000
DRAIN_EVERY = 100
"""Calls after which the recorder may catch up: this measures replay, not its bounded queue."""
MICRO = 1e6
SPEC = {"session": "bench"}


def run() -> dict[str, float]:
    tape, recording = taped(STEPS)
    gc.collect()
    gc.freeze()  # a replaying process does not carry the heap of the recorder that made this tape
    baseline = pickled_us()
    serve = per_step_us(lambda: serve_all(recording))
    return {
        "replay_decide_us": per_step_us(lambda: decide_all(recording)),
        "replay_serve_us": serve,
        "replay_pickled_dict_us": baseline,
        "replay_serve_to_pickled_dict": serve / baseline,
        "replay_10k_engine_s": serve * STEPS / MICRO,
        "replay_10k_s": median(whole_s(recording, STEPS) for _ in range(3)),
        "replay_vcrpy_10k_s": vcrpy_call_us() * STEPS / MICRO,
        "replay_first_step_ms": first_step_ms(tape),
        "replay_100k_s": whole_s(taped(10 * STEPS)[1], 10 * STEPS),
    }


@forkpoint.tool(effect="read")
def search(query: str, page: int) -> dict[str, object]:
    return {"hits": [{"id": page, "text": "x" * 600}], "query": query}


def agent(steps: int, drain: Callable[[], None] | None = None) -> None:
    with forkpoint.run("benchmark"):
        for number in range(steps):
            search(f"q{number}", number)
            if drain is not None and number % DRAIN_EVERY == 0:
                drain()


def taped(steps: int) -> tuple[Recorded, Recording]:
    """A run of so many steps, recorded now."""
    with recorded() as tape:
        agent(steps, drain=tape.recorder.drain)
    return tape, load(tape)


def load(tape: Recorded) -> Recording:
    return Recording.load(tape.run, tape.end, enumerate(tape.events), tape.get)


def views(recording: Recording) -> list[CallView]:
    return [view(recording, place) for place in range(len(recording))]


def view(recording: Recording, place: int) -> CallView:
    step: StepStarted = recording.started[place]
    parts = {part: root for part, root in recording.parts(place).items() if root is not None}
    return CallView(
        kind=Kind.TOOL,
        name=step.name,
        scope=scope_of(step.key),
        key=step.key,
        strand=step.strand,
        site=step.site,
        effect=step.effect,
        codec=None,
        parts=parts,
        signature=step.signature,
        delta=None,
        value=parts.__getitem__,
    )


def decide_all(recording: Recording) -> float:
    """Seconds to find every answer without reading it."""
    decider = Session(recording, read_spec(SPEC))._decider
    calls = views(recording)
    start = perf_counter()
    for call in calls:
        decider.decide(call)
    return perf_counter() - start


def serve_all(recording: Recording) -> float:
    """Seconds to serve every answer, decoded and with its shape restored."""
    session = Session(recording, read_spec(SPEC))
    calls = views(recording)
    start = perf_counter()
    for call in calls:
        session.begin(call)
        session.end(call, output=None, status="ok")
    return perf_counter() - start


def pickled_us() -> float:
    """The same answers from a dict of pickles: no order, no check, no verdict."""
    answers = {
        (f"q{number}", number): pickle.dumps(search.__wrapped__(f"q{number}", number))
        for number in range(STEPS)
    }
    start = perf_counter()
    for number in range(STEPS):
        pickle.loads(answers[f"q{number}", number])
    return (perf_counter() - start) / STEPS * MICRO


def per_step_us(measure: Callable[[], float]) -> float:
    return median(measure() for _ in range(3)) / STEPS * MICRO


def whole_s(recording: Recording, steps: int) -> float:
    """Seconds for the agent to run once more: snapshots, redaction, signatures, events included."""
    with recorded(), forkpoint.replaying(recording) as replay:
        start = perf_counter()
        agent(steps)
        took = perf_counter() - start
    assert replay.result is not None
    assert replay.result.verdict is Verdict.IDENTICAL
    return took


def first_step_ms(tape: Recorded) -> float:
    """From opening the bundle, verified in full, to the first answer."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.fpb"
        write_bundle(path, tape.run, tape.end, enumerate(tape.events), tape.sink.blocks)
        start = perf_counter()
        with read_bundle(path) as bundle:
            recording = Recording.load(bundle.start, bundle.end, bundle.events, bundle.get)
            session = Session(recording, read_spec(SPEC))
            answer = session.begin(view(recording, 0))
        assert isinstance(answer, Served)
        return (perf_counter() - start) * 1000
