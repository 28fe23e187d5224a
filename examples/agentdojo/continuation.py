"""Which recorded answer follows a conversation.

Three tries, the first hit wins: the run that was named, to the letter; any run of the same suite
and task whose messages agree, whatever its tool call ids; the named run at the same position. The
second is how a conversation whose poisoned tool result was replaced goes on as the clean run did.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from examples.agentdojo.recordings import Recorded

Chat = Sequence[Mapping[str, object]]
REDACTED = re.compile(r"rx1_[A-Z]{2,12}_[a-z2-7]{16}_[a-z2-7]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An assistant message of a recorded run; `how` is `recorded`, `same task` or `position`."""

    run: Recorded
    index: int
    how: str

    @property
    def message(self) -> Mapping[str, object]:
        """The message itself, in the form of chat completions."""
        return self.run.chat[self.index]


def reply_to(asked: Chat, *, named: Recorded, others: Sequence[Recorded]) -> Reply | None:
    """The reply that follows `asked`; None when the named run has no assistant message left."""
    if _follows(asked, named, ids=True):
        return Reply(run=named, index=len(asked), how="recorded")
    for run in (named, *others):
        if _follows(asked, run, ids=False):
            return Reply(run=run, index=len(asked), how="same task")
    left = [i for i in range(len(asked), len(named.chat)) if _is_reply(named, i)]
    return Reply(run=named, index=left[0], how="position") if left else None


def _follows(asked: Chat, run: Recorded, *, ids: bool) -> bool:
    return _is_reply(run, len(asked)) and all(
        _agree(seen, recorded, ids=ids) for seen, recorded in zip(asked, run.chat, strict=False)
    )


def _is_reply(run: Recorded, index: int) -> bool:
    return index < len(run.chat) and run.chat[index]["role"] == "assistant"


def _agree(seen: Mapping[str, object], recorded: Mapping[str, object], *, ids: bool) -> bool:
    if seen.get("role") != recorded["role"]:
        return False
    if ids and seen.get("tool_call_id") != recorded.get("tool_call_id"):
        return False
    if not _text_agrees(_text(seen), _text(recorded)):
        return False
    calls, known = _calls(seen, ids=ids), _calls(recorded, ids=ids)
    return len(calls) == len(known) and all(map(_text_agrees, calls, known))


def _text(message: Mapping[str, object]) -> str:
    content = message.get("content")
    if isinstance(content, list):
        parts = cast("list[Mapping[str, object]]", content)
        return "".join(str(part.get("text", "")) for part in parts)
    return str(content or "")


def _calls(message: Mapping[str, object], *, ids: bool) -> list[str]:
    """Each tool call as one text that depends neither on key order nor on white space."""
    calls = cast("Sequence[Mapping[str, object]]", message.get("tool_calls") or ())
    lines: list[str] = []
    for call in calls:
        function = cast("Mapping[str, str]", call["function"])
        arguments = json.dumps(json.loads(function["arguments"] or "{}"), sort_keys=True)
        lines.append(f"{call['id'] if ids else ''} {function['name']} {arguments}")
    return lines


def _text_agrees(seen: str, recorded: str) -> bool:
    """Equal, where a redaction token of a replayed message stands for any text."""
    if seen == recorded:
        return True
    pieces = REDACTED.split(seen)
    if len(pieces) == 1:
        return False
    pattern = "(?s:.+?)".join(re.escape(piece) for piece in pieces)
    return re.fullmatch(pattern, recorded) is not None
