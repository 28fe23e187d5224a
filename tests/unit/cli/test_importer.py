"""AgentDojo logs become runs: nothing lost, nothing added, the same each time."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import cast

import pytest
from forkpoint.content import Value, decode, digest_from_text, encode, restore
from forkpoint.events.kinds import Kind, RunStatus
from forkpoint.events.model import StepEnded, StepStarted
from forkpoint.events.wire import read_event, to_builtins
from forkpoint_cli.importers.agentdojo import import_log
from forkpoint_cli.importers.agentdojo_log import LogFormatError, chat_message, read_log
from forkpoint_cli.importers.files import found_files
from forkpoint_cli.importers.tape import ImportedRun, Importer

RUNS = Path(__file__).parents[3] / "examples/agentdojo/runs"
PARALLEL = RUNS / (
    "gpt-4o-mini-2024-07-18-progent/banking/user_task_13/important_instructions/"
    "injection_task_4.json"
)


TESTER = Importer(name="test/1", redact=lambda value: value)


@cache
def imported(path: Path) -> ImportedRun:
    return import_log(path.read_bytes(), TESTER)


@cache
def everything() -> list[ImportedRun]:
    return [imported(path) for path in found_files([str(RUNS)], suffix=".json")]


def value_of(run: ImportedRun, event: StepStarted | StepEnded, role: str) -> object:
    blocks = run.blocks
    refs = {ref.role: ref.root for ref in event.artifacts}
    found = {
        name: decode(digest_from_text(root), lambda wanted: {d: blocks[d] for d in wanted})
        for name, root in refs.items()
        if root is not None and name in (role, "shape")
    }
    return restore(found[role], found.get("shape") if role == "output" else None)


def test_the_134_recorded_runs_keep_their_messages_results_and_errors():
    starts = [e for run in everything() for e in run.events if isinstance(e, StepStarted)]
    ends = [e for run in everything() for e in run.events if isinstance(e, StepEnded)]
    logs = [read_log(path.read_bytes()) for path in found_files([str(RUNS)], suffix=".json")]

    assert len(everything()) == 134
    assert sum(len(log.messages) for log in logs) == 1_808
    assert sum(start.kind is Kind.TOOL for start in starts) == 772
    assert sum(end.status == "error" for end in ends) == 123
    assert sum(start.kind is Kind.MODEL for start in starts) == 768
    assert sum("attack-succeeded" in run.start.tags for run in everything()) == 12


def test_a_model_step_holds_the_conversation_so_far_and_the_recorded_answer():
    log, run = read_log(PARALLEL.read_bytes()), imported(PARALLEL)
    models = [e for e in run.events if isinstance(e, StepStarted) and e.kind is Kind.MODEL]
    ends = {e.step_id: e for e in run.events if isinstance(e, StepEnded)}
    at = [i for i, said in enumerate(log.messages) if said.role == "assistant"]

    for start, index in zip(models, at, strict=True):
        before = [chat_message(said) for said in log.messages[1:index]]
        assert value_of(run, start, "input.messages") == before
        assert value_of(run, ends[start.step_id], "output") == chat_message(log.messages[index])


def test_the_message_list_has_the_root_of_a_list_encoded_at_once():
    log, run = read_log(PARALLEL.read_bytes()), imported(PARALLEL)
    last = [e for e in run.events if isinstance(e, StepStarted) and e.kind is Kind.MODEL][-1]
    whole = [chat_message(said) for said in log.messages[1:-1]]
    root = next(ref.root for ref in last.artifacts if ref.role == "input.messages")

    assert digest_from_text(root or "") == encode(cast("Value", whole), lambda d, b: None)


def test_parallel_tool_calls_are_steps_in_the_order_they_were_asked_for():
    tools = [
        (e.key, e.name)
        for e in imported(PARALLEL).events
        if isinstance(e, StepStarted) and e.kind is Kind.TOOL
    ]

    assert tools[1:3] == [
        ("r#0.3", "get_scheduled_transactions"),
        ("r#0.4", "update_user_info"),
    ]


def test_a_refused_call_is_an_error_that_says_so():
    run = imported(PARALLEL)
    errors = [e for e in run.events if isinstance(e, StepEnded) and e.status == "error"]
    value = cast("dict[str, object]", value_of(run, errors[0], "error"))

    assert [error.error_class for error in errors] == ["PolicyRefusal", "PolicyRefusal"]
    assert str(value["message"]).startswith(
        "The tool 'update_scheduled_transaction' is not allowed"
    )


def test_importing_twice_gives_the_same_run():
    first = imported(PARALLEL)
    second = import_log(PARALLEL.read_bytes(), TESTER)

    assert first == second
    assert first.end.events == {"0": len(first.events)}
    assert first.end.status is RunStatus.OK


def test_every_event_passes_the_door_of_the_service():
    for run in everything()[:20]:
        assert [read_event(to_builtins(event)) for event in run.events] == list(run.events)


def test_times_never_go_back_and_fill_the_recorded_duration():
    for run in everything():
        times = [event.time_ns for event in run.events]
        assert times == sorted(times)
        assert run.start.started_ns == times[0]
        assert run.end.ended_ns == times[-1]


@pytest.mark.parametrize("body", [b"", b"[]", b'{"messages": 1}', b"\xff\xfe", b'{"a": 1}'])
def test_another_format_is_refused(body: bytes):
    with pytest.raises(LogFormatError, match="not an AgentDojo log"):
        import_log(body, TESTER)
