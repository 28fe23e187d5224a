"""The one zip layout bundles have: stored members, fixed times and modes, nothing between them.

Any zip tool reads it. We write and read it ourselves, because a reader that accepts exactly the
bytes the writer would write has no room for tricks: every other archive is refused. Layout after
PKWARE APPNOTE 6.3, sections 4.3.7, 4.3.12 and 4.3.16, without extras, comments or zip64.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from forkpoint.errors import BundleError

SIZE_LIMIT = 2 << 30
"""Bytes of a bundle."""
MEMBER_LIMIT = 10_000
NAME_LIMIT = 255
"""Bytes of a member's name."""
COPY_BYTES = 1 << 20

_LOCAL = struct.Struct("<4sHHHHHIIIHH")
_CENTRAL = struct.Struct("<4sHHHHHHIIIHHHHHII")
_END = struct.Struct("<4sHHHHIIH")
_VERSION = 20
_MADE_BY_UNIX = 3 << 8 | _VERSION
_UTF8 = 1 << 11
_DATE = 1 << 5 | 1
"""1980-01-01, the first day a zip can name."""
_MODE = 0o100644 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member and where its bytes stand."""

    name: str
    size: int
    crc: int
    offset: int
    """Of the member's header."""

    @property
    def start(self) -> int:
        """Offset of the first byte of the body."""
        return self.offset + _LOCAL.size + len(self.name.encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A member to write; `chunks` gives the same bytes each time it is called."""

    name: str
    size: int
    crc: int
    chunks: Callable[[], Iterable[bytes]]


def body_of(name: str, data: bytes) -> Body:
    """A member held in memory."""
    return Body(name=name, size=len(data), crc=zlib.crc32(data), chunks=lambda: (data,))


def write_archive(file: BinaryIO, bodies: Sequence[Body]) -> None:
    """Write the members in the order given."""
    members: list[Member] = []
    offset = 0
    for body in bodies:
        member = Member(name=body.name, size=body.size, crc=body.crc, offset=offset)
        offset = member.start + member.size
        members.append(member)
    if offset > SIZE_LIMIT or len(members) > MEMBER_LIMIT:
        raise BundleError(
            f"a bundle holds at most {SIZE_LIMIT} bytes in {MEMBER_LIMIT} members", code="too_large"
        )
    for member, body in zip(members, bodies, strict=True):
        file.write(_local_header(member))
        for chunk in body.chunks():
            file.write(chunk)
    file.write(_directory(members, offset))


def read_directory(data: memoryview) -> list[Member]:
    """The members of an archive whose every byte outside their bodies is as we would write it."""
    if len(data) > SIZE_LIMIT:
        raise refused(f"it is larger than {SIZE_LIMIT} bytes")
    if len(data) < _END.size:
        raise refused("it is no zip archive")
    start, members = _listed(data)
    expected = _directory(members, start)
    if bytes(data[start:]) != expected:
        raise refused("its directory is not laid out as a bundle's")
    offset = 0
    for member in members:
        if member.offset != offset or bytes(data[offset : member.start]) != _local_header(member):
            raise refused(f"the header of `{member.name[:80]}` is not laid out as a bundle's")
        offset = member.start + member.size
    if offset != start:
        raise refused("there are bytes between its members")
    return members


def refused(why: str) -> BundleError:
    """The error of a bundle that cannot be trusted; nothing of it was used."""
    return BundleError(f"bundle refused: {why}", code="integrity_failed")


def _listed(data: memoryview) -> tuple[int, list[Member]]:
    end = _END.unpack_from(data, len(data) - _END.size)
    signature, count, size, start = end[0], end[4], end[5], end[6]
    if signature != b"PK\5\6" or count > MEMBER_LIMIT or start + size + _END.size != len(data):
        raise refused("its end record is damaged")
    members: list[Member] = []
    offset = start
    for _ in range(count):
        if offset + _CENTRAL.size > len(data):
            raise refused("its directory is cut off")
        fields = _CENTRAL.unpack_from(data, offset)
        crc, size, name_size, at = fields[7], fields[8], fields[10], fields[16]
        offset += _CENTRAL.size
        name = _name(bytes(data[offset : offset + name_size]))
        members.append(Member(name=name, size=size, crc=crc, offset=at))
        offset += name_size
    return start, members


def _name(raw: bytes) -> str:
    try:
        name = raw.decode()
    except UnicodeDecodeError:
        raise refused("a member's name is not UTF-8") from None
    if not 0 < len(raw) <= NAME_LIMIT:
        raise refused("a member's name is empty or too long")
    return name


def _local_header(member: Member) -> bytes:
    name = member.name.encode()
    sizes = (member.crc, member.size, member.size, len(name), 0)
    return _LOCAL.pack(b"PK\3\4", _VERSION, _UTF8, 0, 0, _DATE, *sizes) + name


def _directory(members: Sequence[Member], start: int) -> bytes:
    entries = b"".join(_central_header(member) for member in members)
    count = len(members)
    return entries + _END.pack(b"PK\5\6", 0, 0, count, count, len(entries), start, 0)


def _central_header(member: Member) -> bytes:
    name = member.name.encode()
    sizes = (member.crc, member.size, member.size, len(name), 0, 0, 0, 0, _MODE, member.offset)
    return _CENTRAL.pack(b"PK\1\2", _MADE_BY_UNIX, _VERSION, _UTF8, 0, 0, _DATE, *sizes) + name
