"""What a report says of a side that is a replay: its edits, and what limits its word."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

Fields = Mapping[str, object]
UNPROVEN = "baseline_unproven"
_WORDS = {
    UNPROVEN: "no exact replay has proven its recording, so not every difference need be of an edit"
}


def replayed(side: str, outcome: Fields, edits: object) -> dict[str, object]:
    """An entry of `replays`: `outcome` is what the replay of this side came to, as its run keeps it
    (`forkpoint.divergence/1`), and `edits` what it changed on purpose.
    """
    changed = cast("Sequence[Fields]", edits if isinstance(edits, list) else [])
    return {
        "side": side,
        "verdict": outcome.get("verdict"),
        "edits": [{"kind": edit.get("kind"), "key": edit.get("key")} for edit in changed],
        "soft": list(dict.fromkeys(_codes(outcome))),
        "guard": outcome.get("guard"),
    }


def _codes(outcome: Fields) -> Iterator[str]:
    """Findings are codes, or objects that name one."""
    for found in cast("Sequence[object]", outcome.get("soft") or ()):
        code = cast("Fields", found).get("code") if isinstance(found, Mapping) else found
        if isinstance(code, str):
            yield code


def replay_notes(report: Fields) -> Iterator[str]:
    """The same in sentences, for text, Markdown and HTML."""
    for replay in cast("Sequence[Fields]", report.get("replays", ())):
        side = str(replay["side"]).upper()
        edits = cast("Sequence[Fields]", replay["edits"])
        if edits:
            yield f"{side} is a fork with edits: {', '.join(map(_edit, edits))}."
        for code in cast("Sequence[str]", replay["soft"]):
            if code in _WORDS:
                yield f"{side} {code}: {_WORDS[code]}."
        if replay["guard"]:
            yield f"{side} ran under the guard {replay['guard']}."


def _edit(edit: Fields) -> str:
    return f"{edit['kind']} of {edit['key']}" if edit["key"] else f"{edit['kind']} from the cut on"
