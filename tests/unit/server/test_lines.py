"""A body in lines is read the same however it is cut, and holds no more than one line at a time."""

from __future__ import annotations

import itertools
from dataclasses import replace

import orjson
import pytest
from forkpoint_server.errors import BadRequest, LimitExceeded
from forkpoint_server.ingestion.batch import Batch
from forkpoint_server.ingestion.lines import LineReader
from forkpoint_server.settings import Limits
from hypothesis import given
from hypothesis import strategies as st
from recorded_runs import RecordedRun

RUN = RecordedRun(run_id="01a20000-0000-7000-8000-000000000001")
GOOD = [
    orjson.dumps(event)
    for event in (
        RUN.began("r#0", artifacts=(RUN.ref("input.args", "asked"),)),
        RUN.ended("r#0", artifacts=(RUN.ref("output", "said"),)),
    )
]
BLOCKS = [orjson.dumps({"block": text}) for text in RUN.take_blocks()]
BODY = b"\n".join([BLOCKS[0], GOOD[0], b"", b"{no json", b"7", GOOD[1], BLOCKS[1]])
SMALL = replace(Limits(), events_line=400, events_lines=7)


def read(*parts: bytes, limits: Limits = SMALL) -> Batch:
    reader = LineReader(limits)
    for part in parts:
        reader.feed(part)
    reader.finish()
    return reader.batch()


def shown(batch: Batch) -> object:
    return (
        [(each.index, each.id, each.body) for each in batch.events],
        [(each.index, each.code) for each in batch.rejected],
        batch.blocks,
    )


@given(st.sets(st.integers(0, len(BODY))))
def test_wherever_a_body_is_cut_it_says_the_same(cuts: set[int]):
    places = [0, *sorted(cuts), len(BODY)]
    parts = [BODY[a:b] for a, b in itertools.pairwise(places)]

    batch = read(*parts)

    assert shown(batch) == shown(read(BODY))
    assert [each.index for each in batch.events] == [1, 5]
    assert [(each.index, each.code) for each in batch.rejected] == [
        (3, "schema_invalid"),
        (4, "schema_invalid"),
    ]


@pytest.mark.parametrize("size", [1, 100, 5_000])
def test_a_line_over_its_limit_is_refused_alone_and_not_kept(size: int):
    body = b"\n".join([GOOD[0], b"x" * 5_000, GOOD[1], b"y" * 5_000])
    reader = LineReader(SMALL)
    longest = 0

    for start in range(0, len(body), size):
        reader.feed(body[start : start + size])
        longest = max(longest, len(reader.waiting))
    reader.finish()
    batch = reader.batch()

    assert [each.index for each in batch.events] == [0, 2]
    assert [(each.index, each.code) for each in batch.rejected] == [
        (1, "field_too_large"),
        (3, "field_too_large"),
    ]
    assert longest <= SMALL.events_line


def test_a_body_of_too_many_lines_is_refused_whole():
    for body in (b"7\n" * 8, b"7\n" * 7 + b"7", b"\n" * 8):
        with pytest.raises(LimitExceeded, match="`lines` is 7"):
            read(body)
    assert len(read(b"7\n" * 7).rejected) == 7


def test_one_bad_block_refuses_the_request():
    with pytest.raises(BadRequest, match=r"blocks\[1\]"):
        read(BLOCKS[0] + b'\n{"block": "{ }"}')


def test_nesting_that_no_reader_follows_is_one_bad_line():
    deep = b"[" * 1_000_000
    limits = replace(Limits(), events_line=2_000_000)

    batch = read(GOOD[0], b"\n", deep, b"\n", GOOD[1], limits=limits)

    assert [each.index for each in batch.events] == [0, 2]
    assert [(each.index, each.code) for each in batch.rejected] == [(1, "schema_invalid")]
