"""The trajectory format of tau-bench: one JSON file is one conversation of an agent with a user.

Source of the format: `tau_bench/run.py` and `tau_bench/types.py` (EnvRunResult) of tau-bench 0.1.0;
the messages are OpenAI's chat completions. It says neither when nor by which model.
"""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from typing import Literal, cast

import msgspec

from forkpoint_cli.errors import CliError

EASTERN = timezone(timedelta(hours=-5))
_SAID_NOW = re.compile(r"current time is (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) EST")
_EDITORIAL = ("index",)
"""Members that later tools added to messages."""


class TrajectoryFormatError(CliError):
    """The file is not a tau-bench trajectory."""


class Function(msgspec.Struct, frozen=True):
    """The tool a call names, with its arguments as JSON text."""

    name: str
    arguments: str


class ToolCall(msgspec.Struct, frozen=True):
    """One call of an assistant message."""

    id: str
    function: Function

    @property
    def args(self) -> object:
        """The arguments, parsed; text that is no JSON stays text."""
        try:
            return json.loads(self.function.arguments or "{}")
        except json.JSONDecodeError:
            return self.function.arguments


class Message(msgspec.Struct, frozen=True):
    """What we read of a message; `raw` of the trajectory is what is recorded."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str | None = None
    tool_calls: tuple[ToolCall, ...] | None = None
    tool_call_id: str | None = None
    name: str | None = None


class Trajectory(msgspec.Struct, frozen=True):
    """One conversation. `reward` is 1 when the database ended as the task demands."""

    task_id: int | str
    reward: float
    info: dict[str, object]
    traj: tuple[dict[str, object], ...]
    trial: int = 0

    @property
    def policy(self) -> str:
        """The system prompt."""
        first = self.traj[0] if self.traj else {}
        return str(first.get("content") or "") if first.get("role") == "system" else ""

    @property
    def domain(self) -> str:
        """`airline`, `retail`, or `tau` for a world of another policy."""
        heading = self.policy[:80].lower()
        return next((name for name in ("airline", "retail") if name in heading), "tau")

    @property
    def started_ns(self) -> int:
        """The moment the policy says it is, in ns: the trajectory has no other."""
        found = _SAID_NOW.search(self.policy)
        text = found[1] if found else "2024-05-15 15:00:00"
        moment = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=EASTERN)
        return int(moment.timestamp()) * 1_000_000_000


def read_trajectory(body: bytes) -> Trajectory:
    """Parse one file; raises `TrajectoryFormatError` when it is something else."""
    try:
        trajectory = msgspec.json.decode(body, type=Trajectory)
        for message in trajectory.traj:
            read_message(message)
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TrajectoryFormatError(f"not a tau-bench trajectory: {error}") from None
    return trajectory


def read_message(raw: dict[str, object]) -> Message:
    """What a message says; raises `msgspec.ValidationError`."""
    return msgspec.convert(raw, Message)


def as_sent(raw: dict[str, object]) -> dict[str, object]:
    """A message as it went to the model, without what was added to the file later."""
    return {name: value for name, value in raw.items() if name not in _EDITORIAL}


def instruction(trajectory: Trajectory) -> str:
    """What the simulated user was told to want."""
    task = trajectory.info.get("task")
    told = cast("dict[str, object]", task).get("instruction") if isinstance(task, dict) else None
    return str(told or "")
