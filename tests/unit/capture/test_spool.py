"""The spool: what was written is read back whole, whatever happened to its end."""

from __future__ import annotations

import errno
import os
from itertools import count
from pathlib import Path

import pytest
from forkpoint.capture.counters import Counters
from forkpoint.capture.disk import MEMORY_BYTES, DiskSpool
from forkpoint.capture.spool import Position, RecordType, SpoolReader, segment_path
from forkpoint.events.model import RunStart

START = RunStart(run_id="018f3c1e-0000-7000-8000-000000000001", name="r", started_ns=1)


def spool(parent: Path, *, segment_bytes: int = 1 << 20, bound: int = 1 << 24) -> DiskSpool:
    ticks = count(step=10**12)
    return DiskSpool(
        parent,
        counters=Counters(),
        clock=lambda: next(ticks),
        bound=bound,
        segment_bytes=segment_bytes,
    )


def bodies(folder: Path, position: Position = Position()) -> list[bytes]:  # noqa: B008 - frozen
    return [record.payload for record in SpoolReader(folder).read(position)[0]]


def test_records_come_back_in_order_over_many_segments(tmp_path: Path) -> None:
    disk = spool(tmp_path, segment_bytes=100)
    written = [b'"%d"' % number * 10 for number in range(20)]
    disk.start(START, [])
    for body in written:
        disk.block(body)
    disk.flush()

    records, _ = SpoolReader(disk.folder).read(Position())
    assert records[0].type is RecordType.RUN_START
    assert [record.payload for record in records[1:]] == written
    assert len(list(disk.folder.glob("*.seg"))) > 5


def test_reading_goes_on_where_it_stopped_while_the_spool_grows(tmp_path: Path) -> None:
    disk = spool(tmp_path)
    reader = SpoolReader(disk.folder)
    disk.block(b"one")
    disk.flush()
    _, position = reader.read(Position())
    assert reader.read(position) == ([], position)

    disk.block(b"two")
    disk.flush()

    assert [record.payload for record in reader.read(position)[0]] == [b"two"]
    assert disk.end_position() == reader.read(position)[1]


def test_a_record_larger_than_the_limit_is_read(tmp_path: Path) -> None:
    disk = spool(tmp_path)
    disk.block(b"x" * 100_000)
    disk.flush()

    records, _ = SpoolReader(disk.folder).read(Position(), limit=10)
    assert [len(record.payload) for record in records] == [100_000]


@pytest.mark.parametrize("cut", [1, 5, 9, 12])
def test_a_cut_last_record_is_not_there_yet(tmp_path: Path, cut: int) -> None:
    disk = spool(tmp_path)
    disk.block(b"whole")
    disk.block(b"cut!")
    disk.flush()
    path = segment_path(disk.folder, 0)
    os.truncate(path, path.stat().st_size - cut)

    assert bodies(disk.folder) == [b"whole"]


def test_a_damaged_record_ends_its_segment_and_is_counted(tmp_path: Path) -> None:
    disk = spool(tmp_path, segment_bytes=30)
    for body in (b"first-record", b"second-record", b"third-record"):
        disk.block(body)
    disk.flush()
    path = segment_path(disk.folder, 0)
    data = bytearray(path.read_bytes())
    data[-1] ^= 0xFF
    path.write_bytes(data)

    reader = SpoolReader(disk.folder)
    assert [record.payload for record in reader.read(Position())[0]][-1] == b"third-record"
    assert reader.damaged == 1


def test_a_full_disk_is_counted_and_everything_is_written_when_it_heals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = spool(tmp_path)
    disk.block(b"before")
    disk.flush()
    write = os.write

    def half_then_full(descriptor: int, data: memoryview) -> int:
        if len(data) > 4:
            return write(descriptor, data[:4])
        raise OSError(errno.ENOSPC, "no space")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", half_then_full)
        disk.block(b"during")
        disk.flush()
    disk.block(b"after")
    disk.flush()
    disk.flush()

    assert bodies(disk.folder) == [b"before", b"during", b"after"]


def test_room_shrinks_with_what_is_written_and_comes_back_with_what_is_sent(tmp_path: Path) -> None:
    disk = spool(tmp_path, segment_bytes=1000, bound=3000)
    for _ in range(4):
        disk.block(b"x" * 600)
        disk.flush()
    assert disk.room() < 3000 - 4 * 600

    segment_path(disk.folder, 0).unlink()
    disk.block(b"x" * 600)
    disk.flush()

    assert disk.room() > 3000 - 5 * 610


def test_a_full_spool_has_room_again_as_soon_as_segments_were_sent(tmp_path: Path) -> None:
    disk = spool(tmp_path, segment_bytes=1000, bound=2000)
    for _ in range(4):
        disk.block(b"x" * 600)
        disk.flush()
    assert disk.room() == 0

    for number in range(3):
        segment_path(disk.folder, number).unlink(missing_ok=True)

    assert disk.room() > 600


def test_what_other_processes_left_counts_against_the_bound(tmp_path: Path) -> None:
    left = spool(tmp_path, bound=5000)
    left.block(b"x" * 3000)
    left.close()
    disk = spool(tmp_path, bound=5000)
    disk.block(b"x" * 500)
    disk.flush()

    assert 0 < disk.room() < 1500

    segment_path(left.folder, 0).unlink()
    assert disk.room() > 4000


def test_a_disk_that_refuses_writes_leaves_room_in_memory_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = spool(tmp_path, bound=1 << 30)

    def broken(*_: object) -> int:
        raise OSError(errno.EIO, "input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", broken)
        disk.block(b"x" * 5000)
        disk.flush()
        assert disk.failing()
        assert MEMORY_BYTES - 6000 < disk.room() < MEMORY_BYTES - 5000
    disk.flush()

    assert not disk.failing()
    assert disk.room() > MEMORY_BYTES
    assert bodies(disk.folder) == [b"x" * 5000]


def test_a_forked_child_writes_to_a_folder_of_its_own(tmp_path: Path) -> None:
    disk = spool(tmp_path)
    disk.block(b"parent")
    disk.flush()
    before = disk.folder
    disk.block(b"not yet written")

    disk.renew()
    disk.block(b"child")
    disk.flush()

    assert disk.folder != before
    assert (bodies(before), bodies(disk.folder)) == ([b"parent"], [b"child"])
