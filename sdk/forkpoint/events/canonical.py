"""RFC 8785 canonical JSON (JCS): one text per value, so that equal values have equal digests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import orjson

from forkpoint.errors import EventError

Plain: TypeAlias = "bool | int | float | str | Sequence[Plain] | Mapping[str, Plain] | None"
"""What JSON can say."""

SAFE_INTEGER = 2**53 - 1
"""The largest integer a JSON number carries exactly (RFC 7493, section 2.2)."""

_INFINITY = float("inf")
_KEYS_KEPT = 8192
_KEY_LENGTH_KEPT = 64


def canonical_bytes(value: Plain) -> bytes:
    """The RFC 8785 text of plain JSON, as UTF-8.

    Raises `EventError` (`not_canonical`) for what JSON cannot say: NaN, infinities, integers beyond
    2^53-1, lone surrogates, keys that are not strings, other types.
    """
    if isinstance(value, str):
        return string_bytes(value)
    if value is None or isinstance(value, bool):
        return _CONSTANTS[value]
    if isinstance(value, int):
        return _integer_bytes(value)
    if isinstance(value, float):
        return number_bytes(value)
    return _container_bytes(value)


def string_bytes(text: str) -> bytes:
    """A JSON string with the escapes of RFC 8785, section 3.2.2.2, and no others."""
    try:
        return orjson.dumps(text)
    except orjson.JSONEncodeError as why:
        raise _refused("a string with a lone surrogate") from why


def number_bytes(value: float) -> bytes:
    """A finite float as ECMAScript's Number::toString writes it (RFC 8785, section 3.2.2.3)."""
    size = abs(value)
    if 1e-4 <= size < 1e16 or size == 0:
        return b"%d" % value if value.is_integer() else repr(value).encode()
    if not size < _INFINITY:
        raise _refused("NaN or an infinity")
    return _spread(value)


def sorted_keys(keys: Iterable[str]) -> list[str]:
    """Object keys in the order of their UTF-16 code units (RFC 8785, section 3.2.3)."""
    ordered = sorted(keys)
    # Code point order differs from UTF-16 order only where an astral character meets U+E000-U+FFFF.
    if "".join(ordered).isascii():
        return ordered
    return sorted(ordered, key=_utf16)


def key_bytes(key: str) -> bytes:
    """`"key":` as it stands in an object; short keys are remembered, since few differ."""
    found = _keys.get(key)
    if found is not None:
        return found
    written = string_bytes(key) + b":"
    if len(key) <= _KEY_LENGTH_KEPT and len(_keys) < _KEYS_KEPT:
        _keys[key] = written
    return written


def _container_bytes(value: Sequence[Plain] | Mapping[str, Plain]) -> bytes:
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise _refused(f"a key of type {type(key).__name__}")
        entries = [key_bytes(key) + canonical_bytes(value[key]) for key in sorted_keys(value)]
        return b"{" + b",".join(entries) + b"}"
    if isinstance(value, list | tuple):
        return b"[" + b",".join([canonical_bytes(item) for item in value]) + b"]"
    raise _refused(f"a value of type {type(value).__name__}")


def _integer_bytes(value: int) -> bytes:
    if -SAFE_INTEGER <= value <= SAFE_INTEGER:
        return b"%d" % value
    raise _refused("an integer beyond 2^53-1")


def _spread(value: float) -> bytes:
    """Very small and very large numbers: the shortest digits, placed by the rules of ECMAScript."""
    mantissa, _, power = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).strip("0") if fraction != "0" else whole
    point = int(power or 0) + _leading(whole, fraction)
    sign = "-" if value < 0 else ""
    if 0 < point <= 21:
        return f"{sign}{digits.ljust(point, '0')}".encode()
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}".encode()
    tail = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{tail}e{point - 1:+d}".encode()


def _leading(whole: str, fraction: str) -> int:
    """Where the decimal point stands before the first digit that is not zero."""
    if whole != "0":
        return len(whole)
    return len(fraction.lstrip("0")) - len(fraction)


def _utf16(key: str) -> bytes:
    return key.encode("utf-16-be", "surrogatepass")


def _refused(what: str) -> EventError:
    return EventError(f"{what} has no canonical JSON form", code="not_canonical")


_CONSTANTS: Mapping[object, bytes] = {None: b"null", True: b"true", False: b"false"}
_keys: dict[str, bytes] = {}
