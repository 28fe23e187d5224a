"""Tool-calling loops of three provider families as recordings, and with one thing wrong."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from forkpoint.content import Digest
from forkpoint.events.ids import RunId
from forkpoint.events.kinds import Kind, RunStatus
from forkpoint.events.model import RunEnd, RunStart
from forkpoint.replay.recording import Recording
from forkpoint_cli.importers.tape import Call, ImportedRun, Tape
from recorded_runs import RULESET

RUN = "0190aaaa-0000-7000-8000-000000000000"
FAMILIES = ("chat", "responses", "messages")
CODECS = {
    "chat": "openai.chat/1",
    "responses": "openai.responses/1",
    "messages": "anthropic.messages/1",
}
RESULT = {"order": 7, "total": 120.5}


@dataclass
class Talk:
    """A conversation of two turns; fields say what is unusual about it."""

    family: str = "chat"
    result: object = None
    told: str | None = None
    """How the result stands in the next request; None: as compact JSON, or as the text it is."""
    args: object = None
    """What the tool step was given; None: what the reply asked for."""
    compacted: bool = False
    extra: Kind | None = None
    turns: int = 2
    run: str = RUN
    says: str | None = None
    """What it ends with; then that is the output of the run."""

    def recording(self) -> Recording:
        """The run."""
        return loaded(self.tape())

    def imported(self) -> ImportedRun:
        """The run, to be stored by a service."""
        tape = self.tape()
        start, end = ends_of(tape)
        if self.says is not None:
            end = msgspec.structs.replace(end, artifacts=tuple(tape.output(self.says)))
        return ImportedRun(start=start, events=tuple(tape.events), end=end, blocks=tape.blocks)

    def tape(self) -> Tape:
        """The run as it is written down."""
        tape = Tape(RunId(self.run), redact=lambda value: value)
        messages: list[Any] = [{"role": "user", "content": "refund order 7"}]
        for turn in range(self.turns - 1):
            reply = reply_of(self.family, f"c{turn}", {"order": turn})
            self._model(tape, messages, reply)
            result = {**RESULT, "turn": turn} if self.result is None else self.result
            self._tool(tape, {"order": turn} if self.args is None else self.args, result)
            if self.extra is not None:
                self._step(tape, self.extra, "lookup", {"query": "x"}, "found")
            messages += said_by(self.family, reply) + results(
                self.family, f"c{turn}", self._told(result)
            )
            if self.compacted:
                messages[0] = {"role": "user", "content": "a summary"}
        self._model(tape, messages, final_of(self.family, self.says or "done"))
        return tape

    def _told(self, result: object) -> str:
        if self.told is not None:
            return self.told
        return result if isinstance(result, str) else json.dumps(result, separators=(",", ":"))

    def _model(self, tape: Tape, messages: list[Any], reply: object) -> None:
        self._step(tape, Kind.MODEL, "model", {"model": "m", "messages": list(messages)}, reply)

    def _tool(self, tape: Tape, args: object, result: object) -> None:
        self._step(tape, Kind.TOOL, "refund", {"args": args}, result)

    def _step(
        self, tape: Tape, kind: Kind, name: str, parts: Mapping[str, object], output: object
    ) -> None:
        number = len(tape.events) // 2
        call = Call(
            kind=kind,
            name=name,
            key=f"r#{number}",
            at_ns=number,
            codec=CODECS[self.family] if kind is Kind.MODEL else None,
            parts={part: tape.store(value) for part, value in parts.items()},
        )
        tape.end(tape.begin(call), at_ns=number, artifacts=tape.output(output))


def loaded(tape: Tape) -> Recording:
    """What a tape holds, as a recording."""

    def get(wanted: Collection[Digest]) -> Mapping[Digest, bytes]:
        return {digest: tape.blocks[digest] for digest in wanted if digest in tape.blocks}

    start, end = ends_of(tape)
    return Recording.load(start, end, enumerate(tape.events), get)


def ends_of(tape: Tape) -> tuple[RunStart, RunEnd]:
    """The records around the events of a tape."""
    start = RunStart(run_id=tape.run, name="talk", started_ns=0, ruleset_id=RULESET)
    end = RunEnd(run_id=tape.run, status=RunStatus.OK, ended_ns=99, events={"0": len(tape.events)})
    return start, end


def reply_of(family: str, call_id: str, args: object) -> dict[str, Any]:
    """A reply that asks for one tool call."""
    text = json.dumps(args)
    if family == "chat":
        call = {
            "id": call_id,
            "type": "function",
            "function": {"name": "refund", "arguments": text},
        }
        message = {"role": "assistant", "content": None, "refusal": None, "tool_calls": [call]}
        return {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    if family == "responses":
        item = {"type": "function_call", "call_id": call_id, "name": "refund", "arguments": text}
        return {"output": [item]}
    block = {"type": "tool_use", "id": call_id, "name": "refund", "input": args}
    return {"role": "assistant", "content": [block], "stop_reason": "tool_use"}


def final_of(family: str, says: str = "done") -> dict[str, Any]:
    """A reply without tool calls."""
    if family == "chat":
        return {"choices": [{"index": 0, "message": {"role": "assistant", "content": says}}]}
    if family == "responses":
        return {"output": [{"type": "message", "content": [{"type": "output_text", "text": says}]}]}
    return {"role": "assistant", "content": [{"type": "text", "text": says}]}


def said_by(family: str, reply: dict[str, Any]) -> list[Any]:
    """The reply as the next request repeats it."""
    if family == "chat":
        message = reply["choices"][0]["message"]
        return [{name: value for name, value in message.items() if value is not None}]
    if family == "responses":
        return list(reply["output"])
    return [{"role": "assistant", "content": reply["content"]}]


def results(family: str, call_id: str, text: str) -> list[Any]:
    """The result of its call in the next request."""
    if family == "chat":
        return [{"role": "tool", "tool_call_id": call_id, "content": text}]
    if family == "responses":
        return [{"type": "function_call_output", "call_id": call_id, "output": text}]
    block = {"type": "tool_result", "tool_use_id": call_id, "content": text}
    return [{"role": "user", "content": [block]}]
