"""What edits make of the input of a call, part by part."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

import msgspec

from forkpoint.content.blocks import Value
from forkpoint.errors import ReplayError
from forkpoint.replay.edits import Edit, Numbered, ValueOf
from forkpoint.replay.pointers import apply_patch


def changed_parts(
    edits: Iterable[Numbered], value: ValueOf, present: Iterable[str]
) -> dict[str, Value]:
    """The input parts that differ once the edits are made, with their new values."""
    names = set(present)
    before = _Parts(value, names)
    changed: dict[str, object] = {}
    for _number, edit in edits:
        changed.update(_CHANGES[edit.kind](edit, before, changed))
    return cast("dict[str, Value]", changed)  # JSON of the edits and decoded content: all values


class _Parts:
    """Old values of a call's parts."""

    def __init__(self, value: ValueOf, names: set[str]) -> None:
        self._value = value
        self.names = names

    def get(self, part: str, changed: Mapping[str, object]) -> object:
        if part in changed:
            return changed[part]
        return self._value(part) if part in self.names else None

    def all(self, changed: Mapping[str, object]) -> dict[str, object]:
        return {part: self.get(part, changed) for part in {*self.names, *changed}}


def patched(edit: Edit, before: object) -> object:
    """The value an edit makes of an old one."""
    if edit.patch is msgspec.UNSET:
        return edit.value
    return apply_patch(before, edit.patch)


def _model(edit: Edit, parts: _Parts, changed: Mapping[str, object]) -> dict[str, object]:
    old = parts.get("model", changed)
    if isinstance(old, dict) and isinstance(edit.value, str):
        members = cast("dict[str, object]", old)
        name = "id" if "id" in members else "model"
        return {"model": {**members, name: edit.value}}
    return {"model": edit.value}


def _params(edit: Edit, parts: _Parts, changed: Mapping[str, object]) -> dict[str, object]:
    old = cast("dict[str, object]", parts.get("params", changed) or {})
    value = edit.value
    if isinstance(value, dict):
        return {"params": {**old, **cast("dict[str, object]", value)}}
    return {"params": patched(edit, old)}


def _tools(edit: Edit, parts: _Parts, changed: Mapping[str, object]) -> dict[str, object]:
    return {"tools": patched(edit, parts.get("tools", changed))}


def _prompt(edit: Edit, parts: _Parts, changed: Mapping[str, object]) -> dict[str, object]:
    if not isinstance(edit.value, str):
        return _input(edit, parts, changed)
    old = parts.get("system", changed)
    if isinstance(old, list) and old and isinstance(old[0], dict):
        first = cast("dict[str, object]", old[0])
        return {"system": [{**first, "content": edit.value}]}
    return {"system": edit.value}


def _input(edit: Edit, parts: _Parts, changed: Mapping[str, object]) -> dict[str, object]:
    value = edit.value
    if isinstance(value, dict):
        return cast("dict[str, object]", value)
    before = parts.all(changed)
    after = cast("dict[str, object]", patched(edit, before))
    return {part: value for part, value in after.items() if value is not before.get(part)}


def _insert(edit: Edit, parts: _Parts, changed: Mapping[str, object]) -> dict[str, object]:
    value = cast("dict[str, object]", edit.value)
    part = str(value.get("part", "messages"))
    old = parts.get(part, changed)
    if not isinstance(old, list):
        raise ReplayError(
            f"edits: `insert` needs a list, and `{part}` of the call is none", code="edit_invalid"
        )
    listed = cast("list[object]", old)
    at = value.get("at")
    place = len(listed) if at is None else cast("int", at)
    return {part: [*listed[:place], *cast("list[object]", value["items"]), *listed[place:]]}


def _replace(edit: Edit, parts: _Parts, changed: Mapping[str, object]) -> dict[str, object]:
    value = cast("dict[str, object]", edit.value)
    part, old, new = str(value["part"]), value["from"], value["to"]
    before = parts.get(part, changed)
    if before == old:
        return {part: new}
    if not isinstance(before, list) or not isinstance(old, list):
        return {}
    items, wanted = cast("list[object]", before), cast("list[object]", old)
    size = len(wanted)
    at = next((at for at in range(len(items)) if items[at : at + size] == wanted), None)
    if at is None:
        return {}
    return {part: [*items[:at], *cast("list[object]", new), *items[at + size :]]}


_CHANGES = {
    "replace": _replace,
    "insert": _insert,
    "model": _model,
    "params": _params,
    "tools": _tools,
    "prompt": _prompt,
    "input": _input,
}
