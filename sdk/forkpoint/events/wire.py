"""Events as JSON: writing them, and reading a stranger's with a stable code for each mistake.

One event is one JSON object (one line of NDJSON). `read_event` is the single door for events that
come from outside: the service, bundles and importers use it.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Collection, Mapping
from typing import TypeVar, cast

import msgspec

from forkpoint.errors import EventError
from forkpoint.events.growth import Fields, join, split
from forkpoint.events.ids import ROOT_TEXT, UUID_TEXT
from forkpoint.events.kinds import Kind
from forkpoint.events.model import (
    RESERVED,
    SCHEMA_MINOR,
    SCHEMA_VERSION,
    Event,
    RunEnd,
    RunStart,
)
from forkpoint.events.upgrade import upgraded

NAME_LIMIT = 256
FIELD_LIMIT = 65_536
"""Characters of any one string in an event; payload belongs into artifacts."""
BEYOND_LIMIT = 16_384
"""Bytes of all fields of a newer minor version together."""
DEPTH_LIMIT = 8
INT64_MAX = 2**63 - 1

Record = TypeVar("Record", bound=Event | RunStart | RunEnd)
_encoder = msgspec.json.Encoder()
_ordered = msgspec.json.Encoder(order="deterministic")
_STRUCTS: Mapping[str, type[Event]] = {
    str(one.__struct_config__.tag): one for one in Event.__args__
}
_EVENT_TYPES = frozenset(_STRUCTS)
_KINDS = frozenset(Kind)
_NAMES = ("name", "model", "subtype", "error_class", "finish_reason", "reason")
_ROOTS = ("signature", "delta")


def encode(record: Event | RunStart | RunEnd) -> bytes:
    """One record as compact UTF-8 JSON without a line break."""
    return _encoder.encode(whole(record))


def content_digest(event: Event) -> bytes:
    """32 bytes that tell two events of one id apart: SHA-256 of the event with sorted keys."""
    return hashlib.sha256(_ordered.encode(whole(event))).digest()


def to_builtins(record: Event | RunStart | RunEnd) -> dict[str, object]:
    """A record as plain JSON values, as GraphQL variables and answers carry it."""
    return cast("dict[str, object]", msgspec.to_builtins(whole(record)))


def whole(record: Event | RunStart | RunEnd) -> object:
    """What is to be encoded: the record, or its JSON values with what a newer version added."""
    if record.beyond is None:
        return record
    return join(cast("Fields", msgspec.to_builtins(without_beyond(record))), record.beyond)


def without_beyond(record: Record) -> Record:
    """A record without the fields that this version does not know."""
    return msgspec.structs.replace(record, beyond=None)


def read_event(value: object) -> Event:
    """Check one parsed JSON value and make an event of it.

    Raises `EventError` with code `schema_invalid`, `version_unknown`, `unknown_event_type`,
    `unknown_kind`, `id_invalid`, `root_invalid`, `field_too_large`, `nul_byte`, `lone_surrogate` or
    `not_finite`; `details["field"]` names the field. The message never repeats the input.
    """
    if not isinstance(value, Mapping):
        raise EventError("an event must be a JSON object", field="")
    fields = cast("Mapping[str, object]", value)
    check_scalars(fields, path="", depth=0)
    fields = upgraded(fields)
    _check_lists(fields)
    _check_ids(fields)
    return cast("Event", _convert(fields, _STRUCTS[str(fields["event_type"])]))


def read_run_start(value: object) -> RunStart:
    """As `read_event`, for the record that opens a run."""
    return cast("RunStart", _read_record(value, RunStart))


def read_run_end(value: object) -> RunEnd:
    """As `read_event`, for the record that closes a run."""
    return cast("RunEnd", _read_record(value, RunEnd))


def _read_record(value: object, record: type[RunStart] | type[RunEnd]) -> object:
    if not isinstance(value, Mapping):
        raise EventError("a run record must be a JSON object", field="")
    fields = cast("Mapping[str, object]", value)
    check_scalars(fields, path="", depth=0)
    fields = upgraded(fields)
    _check_ids(fields)
    return _convert(fields, record)


def _convert(fields: Fields, into: type[Event | RunStart | RunEnd]) -> Event | RunStart | RunEnd:
    fields, beyond = _parted(fields, into)
    try:
        record = msgspec.convert(fields, into)
    except msgspec.ValidationError as error:
        where = _place(str(error))
        raise EventError(
            f"the record does not fit schema version {SCHEMA_VERSION} at `{where}`", field=where
        ) from None
    return msgspec.structs.replace(record, beyond=beyond) if beyond else record


def _parted(fields: Fields, into: type[msgspec.Struct]) -> tuple[Fields, Fields]:
    """The fields of this version, and what a newer minor version added to them."""
    if RESERVED in fields:
        raise EventError(f"no field is called `{RESERVED}`", field=RESERVED)
    minor = fields.get("minor", 0)
    if not isinstance(minor, int) or minor <= SCHEMA_MINOR:
        return fields, {}
    known, beyond = split(fields, into)
    if beyond and len(_encoder.encode(beyond)) > BEYOND_LIMIT:
        raise EventError(
            f"fields of a newer version may have {BEYOND_LIMIT} bytes; make them artifacts",
            code="field_too_large",
            field=max(beyond, key=lambda name: len(_encoder.encode(beyond[name])))[:NAME_LIMIT],
            limit=BEYOND_LIMIT,
        )
    return known, beyond


def _place(message: str) -> str:
    """The field a msgspec message speaks of; the message itself may repeat input, so it stays."""
    unknown = re.search(r"unknown field `([^`]*)`", message)
    missing = re.search(r"missing required field `([^`]*)`", message)
    path = re.search(r"`\$\.?([^`]*)`\Z", message)
    names = [found.group(1)[:NAME_LIMIT] for found in (path, unknown or missing) if found]
    return ".".join(name for name in names if name)


def check_scalars(value: object, *, path: str, depth: int) -> None:
    """Refuse what Postgres text or JSON cannot hold, anywhere below `value`."""
    if depth > DEPTH_LIMIT:
        raise EventError(f"`{path}` is nested deeper than {DEPTH_LIMIT}", field=path)
    if isinstance(value, str):
        _check_text(value, path)
    elif isinstance(value, float | int):
        _check_number(value, path)
    elif isinstance(value, Mapping):
        for key, item in cast("Mapping[str, object]", value).items():
            _check_text(key, f"{path}.?")
            check_scalars(item, path=f"{path}.{key[:40]}".lstrip("."), depth=depth + 1)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(cast("list[object]", value)):
            check_scalars(item, path=f"{path}[{index}]", depth=depth + 1)


def _check_number(number: float, path: str) -> None:
    if isinstance(number, float) and not math.isfinite(number):
        raise EventError(f"`{path}` is not a finite number", code="not_finite", field=path)
    if not -INT64_MAX <= number <= INT64_MAX:
        raise EventError(f"`{path}` does not fit 64 bits", field=path)


def _check_text(text: str, path: str) -> None:
    field = path.rpartition(".")[2]
    limit = NAME_LIMIT if field in _NAMES else FIELD_LIMIT
    if len(text) > limit:
        raise EventError(
            f"`{path}` has {len(text)} characters, {limit} are allowed; make it an artifact",
            code="field_too_large",
            field=path,
            limit=limit,
        )
    if "\0" in text:
        raise EventError(f"`{path}` holds a NUL character", code="nul_byte", field=path)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise EventError(
                f"`{path}` holds a lone surrogate", code="lone_surrogate", field=path
            ) from None


def _check_lists(fields: Mapping[str, object]) -> None:
    if not _is_one_of(fields.get("event_type"), _EVENT_TYPES):
        raise EventError(
            f"`event_type` must be one of {', '.join(sorted(_EVENT_TYPES))}",
            code="unknown_event_type",
            field="event_type",
        )
    if fields["event_type"] == "step_started" and not _is_one_of(fields.get("kind"), _KINDS):
        raise EventError(
            f"`kind` must be one of {', '.join(Kind)}", code="unknown_kind", field="kind"
        )


def _is_one_of(value: object, names: Collection[str]) -> bool:
    """Whether it is a string of a closed list; lists and objects cannot be looked up in a set."""
    return isinstance(value, str) and value in names


def _check_ids(fields: Mapping[str, object]) -> None:
    for field in ("run_id", "step_id", "parent_id"):
        text = fields.get(field)
        if text is not None and not (isinstance(text, str) and UUID_TEXT.match(text)):
            raise EventError(f"`{field}` must be a lower-case UUID", code="id_invalid", field=field)
    artifacts = fields.get("artifacts")
    refs = cast("list[object]", artifacts) if isinstance(artifacts, list | tuple) else []
    roots = [(field, fields.get(field)) for field in _ROOTS]
    roots += [
        (f"artifacts[{index}].root", cast("Mapping[str, object]", ref).get("root"))
        for index, ref in enumerate(refs)
        if isinstance(ref, Mapping)
    ]
    for field, text in roots:
        if text is not None and not (isinstance(text, str) and ROOT_TEXT.match(text)):
            raise EventError(
                f"`{field}` must be 43 characters of base64url", code="root_invalid", field=field
            )
