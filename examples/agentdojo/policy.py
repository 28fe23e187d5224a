"""The policy layer before the tools (Progent in the recorded runs): each verdict is a step."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import forkpoint

from examples.agentdojo.recordings import Recorded, call_identity

Check = Callable[[str, Mapping[str, object]], str | None]


def recorded_policy(recorded: Recorded) -> Check | None:
    """The check that refuses what the run's policy layer refused; None where it had none.

    A refusal is the message the model is shown; None lets the call pass.
    """
    if not recorded.config.endswith("-progent"):
        return None
    refusals = recorded.refusals()

    @forkpoint.safety
    def policy(subject: Mapping[str, object]) -> str | None:
        return refusals.get(call_identity(str(subject["tool"]), subject["args"]))

    return lambda tool, args: policy({"tool": tool, "args": args})
