"""What a replay is asked to do: the file behind `FORKPOINT_REPLAY_SPEC`, read strictly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

import msgspec
import orjson

from forkpoint.errors import ReplayError
from forkpoint.replay.cut import Side
from forkpoint.replay.edits import Edit, read_edits
from forkpoint.replay.policy import Policy, default_policy, read_policy


class CutAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where to leave the recording: a call key, or a step number as `sequence`."""

    key: str | None = None
    sequence: int | None = None
    side: Side = "before"


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file as written."""

    session: str
    kind: Literal["replay", "fork"] = "replay"
    run_id: str | None = None
    policy: dict[str, object] | None = None
    cut: CutAsked | None = None
    edits: tuple[dict[str, object], ...] = ()
    report: str | None = None
    grants: tuple[str, ...] = ()
    baseline: bool = False
    guard: Literal["python", "tcp", "os"] | None = None
    elsewhere: str | None = None
    compared: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaySpec:
    """One replay session, as asked for."""

    session: str
    kind: Literal["replay", "fork"]
    policy: Policy
    run_id: str | None = None
    """Id the new run must have; None for any."""
    cut: CutAsked | None = None
    edits: tuple[Edit, ...] = ()
    report: str | None = None
    """Path of the report the recorder writes at the end."""
    grants: frozenset[str] = frozenset()
    """Scopes of the person who asked; `replay:effects` allows live writes."""
    baseline: bool = False
    """Whether an exact replay without edits is known to be identical, so that a fork's differences
    are those of its edits."""
    guard: Literal["python", "tcp", "os"] | None = None
    """Level of the guard this process was started under."""
    elsewhere: str | None = None
    """Path of the socket of whoever looks for answers in other runs; None: nobody does."""
    compared: str | None = None
    """The run this one is compared with: a worker has its answers to all calls."""


def read_spec(value: object) -> ReplaySpec:
    """A spec from parsed JSON; `ReplayError` `policy_invalid`, `cut_invalid` or `edit_invalid`."""
    try:
        asked = msgspec.convert(value, _File)
    except msgspec.ValidationError as error:
        raise ReplayError(f"replay spec: {error}", code="policy_invalid") from None
    if asked.cut is not None and (asked.cut.key is None) is (asked.cut.sequence is None):
        raise ReplayError("a cut names a key or a sequence, one of them", code="cut_invalid")
    if asked.kind == "replay" and (asked.edits or asked.cut):
        raise ReplayError("only a fork has a cut and edits", code="cut_invalid")
    fork = asked.kind == "fork"
    policy = default_policy(fork=fork) if asked.policy is None else read_policy(asked.policy)
    return ReplaySpec(
        session=asked.session,
        kind=asked.kind,
        policy=policy,
        run_id=asked.run_id,
        cut=asked.cut,
        edits=read_edits(asked.edits),
        report=asked.report,
        grants=frozenset(asked.grants),
        baseline=asked.baseline,
        guard=asked.guard,
        elsewhere=asked.elsewhere,
        compared=asked.compared,
    )


def parse_spec(text: bytes) -> ReplaySpec:
    """As `read_spec`, from the bytes of the file."""
    try:
        value: object = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ReplayError(f"replay spec is no JSON: {error}", code="policy_invalid") from None
    if not isinstance(value, dict):
        raise ReplayError("replay spec must be a JSON object", code="policy_invalid")
    return read_spec(cast("Mapping[str, object]", value))
