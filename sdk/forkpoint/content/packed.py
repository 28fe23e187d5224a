"""Where the items of a snapshot of a list begin: MessagePack read only as far as its lengths."""

from __future__ import annotations

from forkpoint.errors import UsageError

_FIXED = {
    **{0xC0: 1, 0xC2: 1, 0xC3: 1, 0xCA: 5, 0xCB: 9, 0xCC: 2, 0xCD: 3, 0xCE: 5, 0xCF: 9},
    **{0xD0: 2, 0xD1: 3, 0xD2: 5, 0xD3: 9, 0xD4: 3, 0xD5: 4, 0xD6: 6, 0xD7: 10, 0xD8: 18},
}
"""First byte of a scalar, and how many bytes it takes in all."""
_SIZED = {
    **{0xD9: (1, 0), 0xDA: (2, 0), 0xDB: (4, 0), 0xC4: (1, 0), 0xC5: (2, 0), 0xC6: (4, 0)},
    **{0xC7: (1, 1), 0xC8: (2, 1), 0xC9: (4, 1)},
}
"""First byte of text, bytes or an extension: bytes of its length, and of its type."""
_NESTED = {0xDC: (2, 1), 0xDD: (4, 1), 0xDE: (2, 2), 0xDF: (4, 2)}
"""First byte of a wide array or map: bytes of its length, and values per entry."""


def list_header(data: bytes) -> tuple[int, int]:
    """How many items a packed list has, and where the first begins."""
    first = data[0] if data else 0
    if 0x90 <= first <= 0x9F:
        return first & 0x0F, 1
    if first in (0xDC, 0xDD):
        wide = _NESTED[first][0]
        return int.from_bytes(data[1 : 1 + wide], "big"), 1 + wide
    raise UsageError("a tracker takes snapshots of lists")


def item_end(data: bytes, at: int) -> int:
    """Where the value that begins at `at` ends."""
    left = 1
    while left:
        left -= 1
        first = data[at]
        if first >= 0xE0 or first < 0x80:
            at += 1
        elif first >= 0xC0:
            at, inner = _wide(data, at, first)
            left += inner
        elif first >= 0xA0:
            at += 1 + (first & 0x1F)
        else:
            left += (first & 0x0F) << (first < 0x90)
            at += 1
    return at


def _wide(data: bytes, at: int, first: int) -> tuple[int, int]:
    """Where the header (of a nested value) or the whole value ends, and how many values follow."""
    fixed = _FIXED.get(first)
    if fixed is not None:
        return at + fixed, 0
    sized = _SIZED.get(first)
    if sized is not None:
        wide, extra = sized
        start = at + 1 + wide
        return start + extra + int.from_bytes(data[at + 1 : start], "big"), 0
    wide, factor = _NESTED[first]
    start = at + 1 + wide
    return start, factor * int.from_bytes(data[at + 1 : start], "big")
