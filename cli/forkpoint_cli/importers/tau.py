"""tau-bench trajectories as runs: model steps, tool steps, and steps in which the user answers.

Ids and times are derived from the file alone, so a second import of the same file finds its run and
changes nothing. A trajectory holds no times: it begins when its policy says it is, and a step takes
a second and one more for each 80 letters.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator

from forkpoint.events.ids import RunId, StepId
from forkpoint.events.kinds import Kind, RunStatus
from forkpoint.events.model import RunEnd, RunStart

from forkpoint_cli.importers.tape import Call, ImportedRun, Importer, Tape
from forkpoint_cli.importers.tau_log import (
    Message,
    ToolCall,
    Trajectory,
    as_sent,
    instruction,
    read_message,
    read_trajectory,
)

SCOPE = "r#0"
"""Call key of the agent step around all others."""
MODEL_STEP = "openai.chat"
MODEL_CODEC = "openai.chat/1"
UNKNOWN_MODEL = "unknown"
USER = "user"
"""Name and subtype of the steps in which the user answers."""
SECOND_NS = 1_000_000_000
FAILED = "Error"
"""How the tools of tau-bench begin what they say when they fail."""


def import_trajectory(body: bytes, importer: Importer) -> ImportedRun:
    """One file as a run. Raises `TrajectoryFormatError` when it is no trajectory."""
    trajectory = read_trajectory(body)
    tape = Tape(run_id_of(body), redact=importer.redact)
    steps = _Steps(trajectory, tape)
    for raw in trajectory.traj:
        steps.take(raw)
    output = steps.close()
    start = RunStart(
        run_id=tape.run,
        name=f"tau-{trajectory.domain}/{trajectory.task_id}.{trajectory.trial}",
        started_ns=trajectory.started_ns,
        ruleset_id=importer.ruleset_id,
        redaction_key_id=importer.redaction_key_id,
        sdk=importer.name,
        ordering="derived",
        identity="derived",
        tags=tags(trajectory),
        artifacts=(tape.store(attributes(trajectory)).ref("attributes"),),
    )
    end = RunEnd(
        run_id=tape.run,
        status=RunStatus.OK,
        ended_ns=steps.now_ns,
        events={"0": len(tape.events)},
        artifacts=(tape.store(output).ref("output"),),
    )
    return ImportedRun(start=start, events=tuple(tape.events), end=end, blocks=tape.blocks)


def run_id_of(body: bytes) -> RunId:
    """The UUIDv8 of a file's bytes."""
    value = int.from_bytes(hashlib.sha256(b"tau-bench\0" + body).digest()[:16], "big")
    value = value & ~(0xF << 76) | 8 << 76
    value = value & ~(0b11 << 62) | 0b10 << 62
    return RunId(str(uuid.UUID(int=value)))


def tags(trajectory: Trajectory) -> tuple[str, ...]:
    """What runs are filtered by."""
    return (
        "tau-bench",
        f"domain:{trajectory.domain}",
        f"task:{trajectory.task_id}",
        f"trial:{trajectory.trial}",
        f"reward:{'yes' if trajectory.reward == 1 else 'no'}",
    )


def attributes(trajectory: Trajectory) -> dict[str, object]:
    """What the benchmark knows of the run besides its messages."""
    return {
        "source": "tau-bench",
        "domain": trajectory.domain,
        "task": trajectory.task_id,
        "trial": trajectory.trial,
        "reward": trajectory.reward,
        "instruction": instruction(trajectory),
    }


class _Steps:
    """Turns messages into steps; the conversation grows as they come."""

    def __init__(self, trajectory: Trajectory, tape: Tape) -> None:
        self.now_ns = trajectory.started_ns
        self._tape = tape
        self._talk = tape.conversation()
        self._keys = _keys()
        self._calls: dict[str, ToolCall] = {}
        self._said: str | None = None
        """The reply that the user has not answered yet."""
        self._last = ""
        self._system = tape.store(
            [as_sent(raw) for raw in trajectory.traj if raw.get("role") == "system"]
        )
        self._config = tape.store({"provider": "openai", "api": "chat", "id": UNKNOWN_MODEL})
        question = {"question": _question(trajectory)}
        self._scope = self._begin(Kind.AGENT, "agent", SCOPE, {"input": question}, parent=None)

    def take(self, raw: dict[str, object]) -> None:
        message = read_message(raw)
        match message.role:
            case "assistant":
                self._model_step(message, raw)
            case "tool":
                self._tool_step(message, raw)
            case "user":
                self._user_step(message, raw)
            case "system":
                pass  # stands in a part of its own

    def close(self) -> str:
        """End the agent step; gives its output, the last thing it said to the user."""
        output = [self._tape.store(self._last).ref("output")]
        self._tape.end(self._scope, at_ns=self.now_ns, artifacts=output)
        return self._last

    def _model_step(self, message: Message, raw: dict[str, object]) -> None:
        step = self._tape.begin(
            Call(
                kind=Kind.MODEL,
                name=MODEL_STEP,
                key=next(self._keys),
                at_ns=self.now_ns,
                parent=self._scope,
                codec=MODEL_CODEC,
                model=UNKNOWN_MODEL,
                delta=self._talk.take_new(),
                parts={
                    "model": self._config,
                    "system": self._system,
                    "messages": self._talk.now(),
                },
            )
        )
        said = self._talk.add(as_sent(raw))
        self._tape.end(
            step,
            at_ns=self._after(message.content),
            artifacts=self._tape.output(said),
            finish_reason="tool_calls" if message.tool_calls else "stop",
        )
        self._calls = {call.id: call for call in message.tool_calls or ()}
        self._said = None if message.tool_calls else message.content or ""
        self._last = message.content or self._last

    def _tool_step(self, message: Message, raw: dict[str, object]) -> None:
        call = self._calls.get(message.tool_call_id or "")
        name = message.name or (call.function.name if call else "tool")
        args: object = call.args if call else {}
        step = self._begin(Kind.TOOL, name, next(self._keys), {"args": args}, parent=self._scope)
        self._talk.add(as_sent(raw))
        at_ns, said = self._after(None), message.content or ""
        if said.startswith(FAILED):
            error = self._tape.store(_error(said)).ref("error")
            self._tape.end(
                step, at_ns=at_ns, status="error", error_class="ToolError", artifacts=[error]
            )
        else:
            self._tape.end(step, at_ns=at_ns, artifacts=[self._tape.store(said).ref("output")])

    def _user_step(self, message: Message, raw: dict[str, object]) -> None:
        said = message.content or ""
        if self._said is not None:
            asked: dict[str, object] = {"input": self._said}
            step = self._begin(
                Kind.CUSTOM, USER, next(self._keys), asked, parent=self._scope, subtype=USER
            )
            output = self._tape.store(said).ref("output")
            self._tape.end(step, at_ns=self._after(said), artifacts=[output])
        self._talk.add(as_sent(raw))

    def _begin(
        self,
        kind: Kind,
        name: str,
        key: str,
        parts: dict[str, object],
        *,
        parent: StepId | None,
        subtype: str | None = None,
    ) -> StepId:
        stored = {part: self._tape.store(value) for part, value in parts.items()}
        return self._tape.begin(
            Call(
                kind=kind,
                name=name,
                key=key,
                at_ns=self.now_ns,
                parent=parent,
                subtype=subtype,
                parts=stored,
            )
        )

    def _after(self, text: str | None) -> int:
        self.now_ns += SECOND_NS * (1 + len(text or "") // 80)
        return self.now_ns


def _question(trajectory: Trajectory) -> str:
    said = (raw.get("content") for raw in trajectory.traj if raw.get("role") == "user")
    return str(next(said, "") or "")


def _error(said: str) -> dict[str, object]:
    return {
        "class": "ToolError",
        "module": None,
        "message": said,
        "repr": f"ToolError({said!r})",
        "args": [said],
        "status": None,
        "body": None,
        "causes": [],
    }


def _keys() -> Iterator[str]:
    number = 0
    while True:
        yield f"{SCOPE}.{number}"
        number += 1
