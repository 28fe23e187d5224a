"""Edits of a fork: what is changed, where, and that no two of them change the same place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import combinations
from typing import Literal, cast

import msgspec

from forkpoint.content.blocks import Key, Value
from forkpoint.errors import ReplayError
from forkpoint.events.kinds import Kind
from forkpoint.replay.cut import Cut
from forkpoint.replay.pointers import OPERATIONS, Tokens, tokens_of
from forkpoint.replay.recording import Recording, StepType

EditKind = Literal[
    "output",
    "fail",
    "drop",
    "latency",
    "input",
    "insert",
    "replace",
    "prompt",
    "params",
    "model",
    "tools",
    "env",
    "clock",
    "impl",
]
_ANSWERS = frozenset({"output", "fail", "drop"})
_HELD = frozenset({"prompt", "params", "model", "tools", "replace"})
"""Hold from the cut on, for model calls; the others change one step."""
OF_HOST = frozenset({"env", "clock", "impl"})
"""Hold from the cut on, for the whole process; they need the agent's code to run."""
LATENCY_LIMIT_S = 600


class Edit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One change: a new value, or an RFC 6902 patch of the old one.

    `output`: the answer. `fail`: an HTTP status, a message or an error value. `model`: its id.
    `params`: members to set. `prompt`: the system text, or `{"system": ..., "messages": ...}`.
    `tools`: the list. `input`: parts by name. Patches of `prompt` and `input` begin with the part.
    `drop`: the call does nothing and returns nothing. `latency`: seconds its answer takes longer.
    `insert`: `{"part", "at", "items"}` into a list of the input, by default at its end.
    `replace`: `{"part", "from", "to"}`: a part of the input that is `from` becomes `to`, and in one
    that is a list the first stretch of items that is; others stay. Holds as `prompt` does.
    From the cut on: `env`: environment variables by name, null to unset; `clock`: seconds to add,
    or what the time is then (ISO 8601); `impl`: `module:function` that runs in the tool's place.
    """

    kind: EditKind
    key: str | None = None
    """The step that is changed; None is the cut, and for held kinds everything after it."""
    value: object = msgspec.UNSET
    patch: tuple[dict[str, object], ...] | msgspec.UnsetType = msgspec.UNSET

    def to_json(self) -> dict[Key, Value]:
        """The edit as JSON values."""
        return cast("dict[Key, Value]", msgspec.to_builtins(self))


Numbered = tuple[int, Edit]
ValueOf = Callable[[str], object]


class EditPlan:
    """Edits by the step they change. `growing`: answers may be for steps nobody recorded."""

    def __init__(
        self,
        edits: Sequence[Edit],
        recording: Recording,
        cut: Cut | None,
        *,
        growing: bool = False,
    ) -> None:
        self.answers: dict[int, Numbered] = {}
        self.new_answers: dict[str, Numbered] = {}
        """By the call key of a step that only the new run has."""
        self.delays: dict[int, float] = {}
        """Seconds by step."""
        self.environ: dict[str, str | None] = {}
        self.clock: Numbered | None = None
        self.bodies: dict[StepType, Numbered] = {}
        """What runs in the place of a tool."""
        self._inputs: dict[int, list[Numbered]] = {}
        self._held: list[Numbered] = []
        claims: list[tuple[int, int | None, Tokens]] = []
        for number, edit in enumerate(edits):
            unknown = edit.key is not None and edit.key not in recording.by_key
            if growing and unknown and edit.kind in _ANSWERS:
                self._file_new(number, edit)
                continue
            place = _place(edit, recording, cut)
            held = edit.kind in _HELD and edit.key is None
            if edit.kind in OF_HOST:
                self._file_of_host((number, edit), recording.types[place])
            else:
                self._file((number, edit), place, held=held)
            held = held or edit.kind in OF_HOST
            target = None if held else place
            claims += [(number, target, pointer) for pointer in _pointers(edit)]
        _refuse_conflicts(claims)

    @property
    def places(self) -> set[int]:
        """Steps that are edited themselves."""
        return {*self.answers, *self._inputs, *self.delays}

    def _file(self, numbered: Numbered, place: int, *, held: bool) -> None:
        if held:
            self._held.append(numbered)
        elif numbered[1].kind in _ANSWERS:
            self.answers[place] = numbered
        elif numbered[1].kind == "latency":
            self.delays[place] = float(cast("float", numbered[1].value))
        else:
            self._inputs.setdefault(place, []).append(numbered)

    def _file_new(self, number: int, edit: Edit) -> None:
        key = str(edit.key)
        if edit.patch is not msgspec.UNSET:
            raise _invalid(f"step {key} was not recorded, so there is nothing to patch")
        if key in self.new_answers:
            first = self.new_answers[key][0]
            raise ReplayError(
                f"edits {first} and {number} change the same place", code="edit_conflict"
            )
        self.new_answers[key] = number, edit

    def _file_of_host(self, numbered: Numbered, kind: StepType) -> None:
        edit = numbered[1]
        if edit.kind == "env":
            self.environ |= cast("dict[str, str | None]", edit.value)
        elif edit.kind == "clock":
            self.clock = numbered
        else:
            self.bodies[kind] = numbered

    def of_input(self, place: int | None, kind: Kind, *, after_cut: bool) -> list[Numbered]:
        """Edits of the input of a call paired with a step."""
        once = self._inputs.get(place, []) if place is not None else []
        held = self._held if after_cut and kind is Kind.MODEL else []
        return [*once, *held]


def read_edits(value: object) -> tuple[Edit, ...]:
    """Edits from parsed JSON; `ReplayError` `edit_invalid`."""
    try:
        edits = msgspec.convert(value, tuple[Edit, ...])
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from None
    for edit in edits:
        given = (edit.value is not msgspec.UNSET) + (edit.patch is not msgspec.UNSET)
        if given != 1 or (edit.kind in _NO_PATCH and edit.patch is not msgspec.UNSET):
            raise _invalid(f"`{edit.kind}` takes a value or, where it can, a patch; not both")
        _check_value(edit)
        for operation in () if edit.patch is msgspec.UNSET else edit.patch:
            _check_operation(operation)
    return edits


def edit_from_argument(name: str, value: object) -> dict[str, object]:
    """The edit JSON of `--edit NAME=VALUE`; NAME is a kind or like `params./temperature`."""
    kind, dot, pointer = name.partition(".")
    if not dot:
        return {"kind": kind, "value": value}
    operation = "add" if kind == "params" else "replace"
    return {"kind": kind, "patch": [{"op": operation, "path": pointer, "value": value}]}


def _place(edit: Edit, recording: Recording, cut: Cut | None) -> int:
    if edit.key is None:
        if cut is None:
            raise ReplayError(
                f"an edit of {edit.kind} needs a key or a cut to say where", code="cut_invalid"
            )
        return cut.place
    place = recording.by_key.get(edit.key)
    if place is None:
        raise ReplayError(
            f"run {recording.start.run_id} has no step {edit.key} to edit", code="cut_invalid"
        )
    return place


def _pointers(edit: Edit) -> list[Tokens]:
    """What an edit changes, as pointers into `{output, model, params, ...}`."""
    front: Tokens = ("output",) if edit.kind in _ANSWERS else (edit.kind,)
    if edit.kind == "insert":
        return [(str(cast("dict[str, object]", edit.value).get("part", "messages")),)]
    if edit.kind == "replace":
        value = cast("dict[str, object]", edit.value)
        return [("replace", str(value["part"]), repr(value["from"]))]
    if edit.kind in {"prompt", "input"}:
        front = ()
    if edit.patch is not msgspec.UNSET:
        paths = [operation["path"] for operation in edit.patch if operation["op"] != "test"]
        return [(*front, *tokens_of(str(path))) for path in paths]
    if edit.kind == "prompt" and isinstance(edit.value, str):
        return [("system",)]
    if edit.kind in {"prompt", "input", "params", "env"}:
        return [(*front, name) for name in cast("dict[str, object]", edit.value)]
    return [front]


def _refuse_conflicts(claims: Sequence[tuple[int, int | None, Tokens]]) -> None:
    for (first, at, left), (second, other, right) in combinations(claims, 2):
        shared = min(len(left), len(right))
        together = at == other or at is None or other is None
        if first != second and together and left[:shared] == right[:shared]:
            raise ReplayError(
                f"edits {first} and {second} change the same place", code="edit_conflict"
            )


_WANTED: dict[str, tuple[type, ...]] = {
    "fail": (int, str, dict),
    "model": (str, dict),
    "params": (dict,),
    "prompt": (str, dict),
    "tools": (list,),
    "input": (dict,),
    "latency": (int, float),
    "insert": (dict,),
    "replace": (dict,),
    "env": (dict,),
    "clock": (int, float, str),
    "impl": (str,),
}
_NO_PATCH = frozenset(
    {"fail", "model", "drop", "latency", "insert", "replace", "env", "clock", "impl"}
)


def _check_value(edit: Edit) -> None:
    value = edit.value
    if value is msgspec.UNSET:
        return
    wanted = _WANTED.get(edit.kind, (object,))
    number = isinstance(value, bool) and edit.kind in {"latency", "clock"}
    if not isinstance(value, wanted) or number or not _fits(edit.kind, value):
        raise _invalid(f"the value of `{edit.kind}` is none it can take")


def _fits(kind: EditKind, value: object) -> bool:
    """Whether a value of the right type says what its kind needs."""
    if kind == "latency":
        return 0 <= cast("float", value) <= LATENCY_LIMIT_S
    if kind == "impl":
        return str(value).count(":") == 1
    if kind == "clock" and isinstance(value, str):
        return moment_ns(value) is not None
    if kind == "env":
        return all(
            one is None or isinstance(one, str) for one in cast("dict[str, object]", value).values()
        )
    if kind == "insert":
        given = cast("dict[str, object]", value)
        at = given.get("at", 0)
        return isinstance(given.get("items"), list) and isinstance(at, int)
    if kind == "replace":
        given = cast("dict[str, object]", value)
        old, new = given.get("from"), given.get("to")
        both = not isinstance(old, list) or (old != [] and isinstance(new, list))
        return given.keys() == {"part", "from", "to"} and both
    return True


def moment_ns(text: str) -> int | None:
    """A moment in ISO 8601 as Unix nanoseconds, UTC if it names no zone; None if it is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * 1000


def _check_operation(operation: Mapping[str, object]) -> None:
    op = operation.get("op")
    needs = {"move": {"from"}, "copy": {"from"}, "remove": set[str]()}.get(str(op), {"value"})
    if op not in OPERATIONS or not {"path", *needs} <= operation.keys():
        raise _invalid("a patch is a list of RFC 6902 operations")
    tokens_of(str(operation["path"]))


def _invalid(why: str) -> ReplayError:
    return ReplayError(f"edits: {why}", code="edit_invalid")
