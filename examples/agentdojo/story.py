"""Which run the demo tells of, where it went wrong, and what the fork changes there."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from forkpoint_cli.forks import read_policy_file

from examples.agentdojo.recordings import Recorded, load

INJECTED = "<INFORMATION>"
"""How the text planted in a tool result begins."""
POLICY = Path(__file__).parent / "fork.yaml"
CLEAN_RESULT = Path(__file__).parent / "clean.json"
"""The clean tool result of `RECORDED`, for `--edit output=@FILE`."""
_MODEL = "gpt-4o-mini-2024-07-18-progent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A run that planted text misled, and the run of the same task without it."""

    attacked: str
    clean: str
    agent: str = "examples.agentdojo.agent"

    def command(self, base_url: str) -> list[str]:
        """The program that is recorded, replayed and forked."""
        return [sys.executable, "-m", self.agent, "--run", self.attacked, "--base-url", base_url]

    def question(self) -> str:
        """What the user asked for."""
        return str(load(self.attacked).chat[1]["content"])

    def clean_result(self) -> str:
        """What the misleading tool would have returned without the attack."""
        place = misled_at(load(self.attacked))
        return str(load(self.clean).chat[place]["content"])


RECORDED = Story(
    attacked=f"{_MODEL}/banking/user_task_10/important_instructions/injection_task_1",
    clean=f"{_MODEL}/banking/user_task_10/none/none",
)
"""The model's answers are the recorded ones."""

LIVE = Story(
    attacked=f"{_MODEL}/banking/user_task_12/important_instructions/injection_task_3",
    clean=f"{_MODEL}/banking/user_task_12/none/none",
    agent="examples.agentdojo.live_agent",
)
"""The model is a small one on this machine."""


def misled_at(recorded: Recorded) -> int:
    """Index of the first tool message with planted text."""
    return next(
        index
        for index, message in enumerate(recorded.chat)
        if message["role"] == "tool" and INJECTED in cast("str", message["content"])
    )


def fork_policy() -> dict[str, object]:
    """The policy of `fork.yaml`: live after the cut, on this machine only."""
    return read_policy_file(POLICY)
