"""AgentDojo logs as runs: each assistant message a model step, each tool result a tool step.

Ids and times are derived from the file alone, so a second import of the same file finds its run and
changes nothing. The log holds one duration; it is shared out by the length of what was said.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterator

from forkpoint.events.ids import RunId, StepId
from forkpoint.events.kinds import Kind, RunStatus
from forkpoint.events.model import ArtifactRef, RunEnd, RunStart

from forkpoint_cli.importers.agentdojo_log import (
    Log,
    Message,
    ToolCall,
    assistant_message,
    chat_message,
    read_log,
    refused,
    tool_text,
)
from forkpoint_cli.importers.tape import Call, ImportedRun, Importer, Tape

SCOPE = "r#0"
"""Call key of the agent step around all others."""
MODEL_STEP = "openai.chat"
MODEL_CODEC = "openai.chat/1"
"""Names and parts are those the recorder gives to the same calls of the `openai` client."""
_RAISED = re.compile(r"(?P<class>[A-Z]\w*(?:Error|Exception)): (?P<message>.*)", re.DOTALL)


def import_log(body: bytes, importer: Importer) -> ImportedRun:
    """One file as a run. Raises `LogFormatError` when it is no AgentDojo log."""
    log = read_log(body)
    tape = Tape(run_id_of(body), redact=importer.redact)
    clock = _Clock(log)
    answer = _record(log, tape, clock)
    start = RunStart(
        run_id=tape.run,
        name=f"{log.suite_name}/{log.user_task_id}",
        started_ns=log.started_ns,
        ruleset_id=importer.ruleset_id,
        redaction_key_id=importer.redaction_key_id,
        sdk=importer.name,
        identity="derived",
        tags=tags(log),
        artifacts=(tape.store(attributes(log)).ref("attributes"),),
    )
    end = RunEnd(
        run_id=tape.run,
        status=RunStatus.ERROR if log.error else RunStatus.OK,
        ended_ns=clock.end_ns,
        error_class="AgentError" if log.error else None,
        events={"0": len(tape.events)},
        artifacts=(tape.store(answer).ref("output"),),
    )
    return ImportedRun(start=start, events=tuple(tape.events), end=end, blocks=tape.blocks)


def run_id_of(body: bytes) -> RunId:
    """The UUIDv8 of a file's bytes."""
    value = int.from_bytes(hashlib.sha256(b"agentdojo\0" + body).digest()[:16], "big")
    value = value & ~(0xF << 76) | 8 << 76
    value = value & ~(0b11 << 62) | 0b10 << 62
    return RunId(str(uuid.UUID(int=value)))


def tags(log: Log) -> tuple[str, ...]:
    """What runs are filtered by."""
    return (
        "agentdojo",
        f"suite:{log.suite_name}",
        f"task:{log.user_task_id}",
        f"config:{log.pipeline_name}",
        f"attack:{log.attack_type or 'none'}",
        f"utility:{'yes' if log.utility else 'no'}",
        *(["attack-succeeded"] if log.attack_succeeded else []),
    )


def attributes(log: Log) -> dict[str, object]:
    """What the benchmark knows of the run besides its messages."""
    return {
        "source": "agentdojo",
        "suite": log.suite_name,
        "task": log.user_task_id,
        "config": log.pipeline_name,
        "attack": log.attack_type,
        "injectionTask": log.injection_task_id,
        "injections": log.injections,
        "utility": log.utility,
        "attackSucceeded": log.attack_succeeded,
        "durationSeconds": log.duration,
        "benchmarkVersion": log.benchmark_version,
        "packageVersion": log.agentdojo_package_version,
    }


class _Clock:
    """Shares the run's duration out: a tool call one part, a message one and one per 80 letters."""

    def __init__(self, log: Log) -> None:
        self._now = log.started_ns
        self.end_ns = log.started_ns + int(log.duration * 1e9)
        parts = sum(_weight(said) for said in log.messages)
        self._part_ns = (self.end_ns - log.started_ns) // max(parts + 1, 1)

    def now(self) -> int:
        return self._now

    def after(self, message: Message) -> int:
        self._now += _weight(message) * self._part_ns
        return self._now


def _weight(message: Message) -> int:
    if message.role == "tool":
        return 1
    said = sum(len(str(call.args)) for call in message.calls) + len(message.text or "")
    return 2 + said // 80 if message.role == "assistant" else 0


def _record(log: Log, tape: Tape, clock: _Clock) -> str:
    """All steps of the run; gives the final answer."""
    question = next((said.text or "" for said in log.messages if said.role == "user"), "")
    scope = tape.begin(
        Call(
            kind=Kind.AGENT,
            name="agent",
            key=SCOPE,
            at_ns=clock.now(),
            parts={"input": tape.store({"question": question})},
        )
    )
    steps = _Steps(log, tape, clock, scope)
    for message in log.messages:
        steps.take(message)
    answer = log.messages[-1].text or "" if log.messages else ""
    tape.end(scope, at_ns=clock.end_ns, artifacts=[tape.store(answer).ref("output")])
    return answer


class _Steps:
    """Turns messages into steps; the conversation grows as they come."""

    def __init__(self, log: Log, tape: Tape, clock: _Clock, scope: StepId) -> None:
        self._tape, self._clock, self._scope = tape, clock, scope
        self._model = log.pipeline_name
        self._config = tape.store({"provider": "openai", "api": "chat", "id": self._model})
        self._system = tape.store(
            [chat_message(said) for said in log.messages if said.role == "system"]
        )
        self._talk = tape.conversation()
        self._keys = _keys()

    def take(self, message: Message) -> None:
        match message.role:
            case "assistant":
                self._model_step(message)
            case "tool":
                self._tool_step(message)
            case "user":
                self._talk.add(chat_message(message))
            case "system":
                pass  # stands in a part of its own

    def _model_step(self, message: Message) -> None:
        step = self._tape.begin(
            Call(
                kind=Kind.MODEL,
                name=MODEL_STEP,
                key=next(self._keys),
                at_ns=self._clock.now(),
                parent=self._scope,
                codec=MODEL_CODEC,
                model=self._model,
                delta=self._talk.take_new(),
                parts={
                    "model": self._config,
                    "system": self._system,
                    "messages": self._talk.now(),
                },
            )
        )
        said = self._talk.add(assistant_message(message))
        self._tape.end(
            step,
            at_ns=self._clock.after(message),
            artifacts=self._tape.output(said),
            finish_reason="tool_calls" if message.calls else "stop",
            model=self._model,
        )

    def _tool_step(self, message: Message) -> None:
        call = message.tool_call or ToolCall(function="tool", args={})
        step = self._tape.begin(
            Call(
                kind=Kind.TOOL,
                name=call.function,
                key=next(self._keys),
                at_ns=self._clock.now(),
                parent=self._scope,
                parts={"args": self._tape.store(call.args)},
            )
        )
        self._talk.add(chat_message(message))
        at_ns = self._clock.after(message)
        if message.error is None:
            output = self._tape.store(tool_text(message)).ref("output")
            self._tape.end(step, at_ns=at_ns, artifacts=[output])
        else:
            name, ref = self._error(message)
            self._tape.end(step, at_ns=at_ns, status="error", error_class=name, artifacts=[ref])

    def _error(self, message: Message) -> tuple[str, ArtifactRef]:
        said = message.error or ""
        raised = _RAISED.fullmatch(said)
        name = raised["class"] if raised else "PolicyRefusal" if refused(message) else "ToolError"
        text = raised["message"] if raised else said
        value: dict[str, object] = {
            "class": name,
            "module": None,
            "message": text,
            "repr": f"{name}({text!r})",
            "args": [text],
            "status": None,
            "body": None,
            "causes": [],
        }
        return name, self._tape.store(value).ref("error")


def _keys() -> Iterator[str]:
    number = 0
    while True:
        yield f"{SCOPE}.{number}"
        number += 1
