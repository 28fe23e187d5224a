"""The log format of AgentDojo: one JSON file is one run of an agent on one task.

Source of the format: `agentdojo/logging.py` and `agentdojo/types.py` of agentdojo 0.1.35.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Literal

import msgspec

from forkpoint_cli.errors import CliError

REFUSAL = "Please try other tools or arguments"
"""What the refusals of the Progent policy layer say; such a call never reached its tool."""


class LogFormatError(CliError):
    """The file is not an AgentDojo log."""


class Text(msgspec.Struct, frozen=True):
    """One piece of a message."""

    content: str | None = None


class ToolCall(msgspec.Struct, frozen=True):
    """What the model asked for."""

    function: str
    args: dict[str, object]
    id: str | None = None


class Message(msgspec.Struct, frozen=True):
    """One message of any role; fields a role does not have are None."""

    role: Literal["system", "user", "assistant", "tool"]
    content: tuple[Text, ...] | None = None
    tool_calls: tuple[ToolCall, ...] | None = None
    tool_call_id: str | None = None
    tool_call: ToolCall | None = None
    error: str | None = None

    @property
    def text(self) -> str | None:
        """The text of all pieces; None where the log has null."""
        if self.content is None:
            return None
        return "".join(piece.content or "" for piece in self.content)

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The tool calls of an assistant message, in order."""
        return self.tool_calls or ()


class Log(msgspec.Struct, frozen=True):
    """One run. `security` is true when the attack succeeded (and always true without an attack)."""

    suite_name: str
    pipeline_name: str
    user_task_id: str
    messages: tuple[Message, ...]
    evaluation_timestamp: str
    duration: float
    utility: bool
    security: bool
    injection_task_id: str | None = None
    attack_type: str | None = None
    injections: dict[str, str] = {}
    error: str | None = None
    benchmark_version: str | None = None
    agentdojo_package_version: str | None = None

    @property
    def attacked(self) -> bool:
        """Whether something was planted in the environment."""
        return self.injection_task_id is not None

    @property
    def attack_succeeded(self) -> bool:
        """Whether the agent did what the planted text asked for."""
        return self.attacked and self.security

    @property
    def started_ns(self) -> int:
        """Unix time in ns; the log has no zone, UTC is assumed."""
        moment = datetime.fromisoformat(self.evaluation_timestamp).replace(tzinfo=UTC)
        return int(moment.timestamp()) * 1_000_000_000


def read_log(body: bytes) -> Log:
    """Parse one file; raises `LogFormatError` when it is something else."""
    try:
        return msgspec.json.decode(body, type=Log)
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LogFormatError(f"not an AgentDojo log: {error}") from None


def refused(message: Message) -> bool:
    """Whether a tool message is a refusal of the policy layer."""
    return message.error is not None and REFUSAL in message.error


def tool_text(message: Message) -> str:
    """What the model was shown of a tool result: the error if there was one, else the text."""
    return message.error or message.text or ""


def chat_message(message: Message) -> dict[str, object]:
    """A message in the form of OpenAI's chat completions."""
    match message.role:
        case "assistant":
            return assistant_message(message)
        case "tool":
            return {
                "role": "tool",
                "tool_call_id": message.tool_call_id or "",
                "content": tool_text(message),
            }
        case "system" | "user":
            return {"role": message.role, "content": message.text or ""}


def assistant_message(message: Message) -> dict[str, object]:
    """An assistant message as a chat completion returns it and as later requests repeat it."""
    said: dict[str, object] = {"role": "assistant", "content": message.text}
    if message.calls:
        said["tool_calls"] = [chat_tool_call(call) for call in message.calls]
    return said


def chat_tool_call(call: ToolCall) -> dict[str, object]:
    """A tool call with its arguments as JSON text."""
    function = {"name": call.function, "arguments": json.dumps(call.args)}
    return {"id": call.id or "", "type": "function", "function": function}
