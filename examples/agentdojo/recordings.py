"""The recorded runs of this example, by name: the path below `runs/` without `.json`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from forkpoint_cli.importers.agentdojo_log import Log, chat_message, read_log, refused

RUNS = Path(__file__).parent / "runs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One recorded run and its conversation in the form of chat completions."""

    name: str
    log: Log
    chat: tuple[dict[str, object], ...]

    @property
    def task(self) -> tuple[str, str]:
        """Suite and user task: runs that share them had the same question."""
        return self.log.suite_name, self.log.user_task_id

    @property
    def config(self) -> str:
        """Model and policy layer it was recorded with; first part of its name."""
        return self.name.partition("/")[0]

    def refusals(self) -> dict[tuple[str, str], str]:
        """What the policy layer refused: (tool, arguments as sorted JSON) to its message."""
        return {
            call_identity(message.tool_call.function, message.tool_call.args): message.error or ""
            for message in self.log.messages
            if message.tool_call is not None and refused(message)
        }


def call_identity(tool: str, args: object) -> tuple[str, str]:
    """A tool call as a key that does not depend on the order of its arguments."""
    return tool, json.dumps(args, sort_keys=True)


@lru_cache(maxsize=256)
def load(name: str, runs: Path = RUNS) -> Recorded:
    """Read one run; raises `FileNotFoundError` naming it when there is none."""
    path = runs / f"{name.removesuffix('.json')}.json"
    log = read_log(path.read_bytes())
    chat = tuple(chat_message(message) for message in log.messages)
    return Recorded(name=name.removesuffix(".json"), log=log, chat=chat)


@lru_cache(maxsize=4)
def names(runs: Path = RUNS) -> tuple[str, ...]:
    """All runs, sorted."""
    return tuple(
        sorted(path.relative_to(runs).as_posix()[:-5] for path in runs.glob("*/*/*/*/*.json"))
    )


def executable(runs: Path = RUNS) -> tuple[str, ...]:
    """The runs whose tools the pip package `agentdojo` has: banking and slack."""
    return tuple(name for name in names(runs) if name.split("/")[1] in ("banking", "slack"))


def same_task(recorded: Recorded, runs: Path = RUNS) -> tuple[Recorded, ...]:
    """All runs of its suite and task, those of its own configuration first, clean ones before."""
    suite, task = recorded.task
    found = [load(name, runs) for name in names(runs) if name.split("/")[1:3] == [suite, task]]
    return tuple(
        sorted(found, key=lambda run: (run.config != recorded.config, run.log.attacked, run.name))
    )
