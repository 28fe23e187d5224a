"""Bundles: the same bytes for the same run, and nothing but those bytes is read."""

from __future__ import annotations

import hashlib
import random
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path

import msgspec
import orjson
import pytest
from forkpoint.bundle import Bundle, read_bundle, write_bundle
from forkpoint.bundle.archive import Body, body_of, write_archive
from forkpoint.errors import BundleError, ContentError
from forkpoint.events.kinds import ArtifactState, Kind, Verdict
from forkpoint.events.model import StepEnded
from forkpoint.replay.recording import Recording
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.replay.tapes import Player, Tape


def tape() -> Tape:
    made = Tape()
    made.tool("search", "a", {"hits": ["x" * 500, 1.0]})
    made.call(Kind.MODEL, "chat", {"messages": [{"content": "é" * 9000}]}, "answer")
    return made


def written(made: Tape, path: Path, **extra: Mapping[str, object]) -> bytes:
    write_bundle(path, made.start(), made.end(), made.events, made.store.blocks, **extra)
    return path.read_bytes()


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "run.fpb"
    written(tape(), path, policy={"policy": "forkpoint.policy/1"}, files={"a.txt": b"hello"})
    return path


def rewritten(path: Path, change: Mapping[str, bytes]) -> Path:
    """The same archive with other members, its directory and sums as they should be."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    bodies = [body_of(name, data) for name, data in (members | dict(change)).items() if data]
    with path.open("wb") as file:
        write_archive(file, bodies)
    return path


def resealed(path: Path, change: Mapping[str, bytes]) -> Path:
    """As `rewritten`, with a manifest that vouches for the changed members."""
    with zipfile.ZipFile(path) as archive:
        manifest = orjson.loads(archive.read("manifest.json"))
    for name, data in change.items():
        manifest["members"][name] = hashlib.sha256(data).hexdigest()
    manifest["id"] = ""
    text = orjson.dumps(manifest, option=orjson.OPT_SORT_KEYS)
    manifest["id"] = hashlib.sha256(text).hexdigest()
    text = orjson.dumps(manifest, option=orjson.OPT_SORT_KEYS)
    return rewritten(path, {"manifest.json": text, **change})


def test_what_was_written_is_read(bundle: Path):
    made = tape()

    with read_bundle(bundle) as read:
        assert (read.start, read.end) == (made.start(), made.end())
        assert list(read.events) == made.events
        assert set(read.blocks) <= set(made.store.blocks)
        assert {name: bytes(view) for name, view in read.files.items()} == {"a.txt": b"hello"}
        assert read.policy == {"policy": "forkpoint.policy/1"}


def test_a_replay_needs_nothing_but_the_bundle(bundle: Path):
    with read_bundle(bundle) as read:
        player = Player(Recording.load(read.start, read.end, read.events, read.get))
        player.tool("search", "a")
        player.served(Kind.MODEL, "chat", {"messages": [{"content": "é" * 9000}]})

        assert player.finish()["verdict"] == Verdict.IDENTICAL


def test_bundle_of_the_same_run_has_the_same_bytes(tmp_path: Path):
    made, other = tape(), tape()
    shuffled = list(other.store.blocks.items())
    random.Random(3).shuffle(shuffled)
    other.store.blocks = dict(shuffled)
    other.put("a block of another run")

    assert written(made, tmp_path / "a.fpb") == written(other, tmp_path / "b.fpb")


def test_a_bundle_of_a_bundle_has_the_same_bytes(tmp_path: Path):
    first = tmp_path / "a.fpb"
    written(tape(), first)

    with read_bundle(first) as read:
        write_bundle(tmp_path / "b.fpb", read.start, read.end, read.events, read.blocks)

    assert (tmp_path / "b.fpb").read_bytes() == first.read_bytes()


def test_any_zip_tool_can_list_a_bundle(bundle: Path):
    with zipfile.ZipFile(bundle) as archive:
        infos = archive.infolist()

        assert archive.testzip() is None
        assert infos[0].filename == "manifest.json"
        assert {info.compress_type for info in infos} == {zipfile.ZIP_STORED}
        assert {stat.filemode(info.external_attr >> 16) for info in infos} == {"-rw-r--r--"}
        assert {info.date_time for info in infos} == {(1980, 1, 1, 0, 0, 0)}


def test_bundle_with_any_flipped_bit_is_refused(bundle: Path):
    whole = bundle.read_bytes()
    picks = random.Random(11).sample(range(len(whole) * 8), 1500)
    accepted: list[int] = []

    for bit in picks:
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        bundle.write_bytes(damaged)
        try:
            read_bundle(bundle).close()
        except BundleError as error:
            assert error.code == "integrity_failed"
        else:
            accepted.append(bit)

    assert accepted == []


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_cut_or_lengthened_file_is_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
):
    path = tmp_path_factory.mktemp("cut") / "run.fpb"
    whole = written(tape(), path)
    kept = data.draw(st.integers(0, len(whole)))
    tail = data.draw(st.binary(min_size=kept == len(whole), max_size=40))
    if whole[:kept] + tail != whole:
        path.write_bytes(whole[:kept] + tail)

        with pytest.raises(BundleError):
            read_bundle(path)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("notes.txt", b"x"),
        ("../../etc/passwd", b"x"),
        ("files/../up", b"x"),
        ("files/a/b", b"x"),
        ("files/.hidden", b"x"),
        ("/abs", b"x"),
        ("files/ok.txt", b"x"),
    ],
)
def test_members_nobody_vouches_for_are_refused(bundle: Path, name: str, data: bytes):
    with pytest.raises(BundleError, match=r"no member of a bundle|lists other members"):
        read_bundle(rewritten(bundle, {name: data}))


@pytest.mark.parametrize("name", ["manifest.json", "events.ndjson", "blocks.idx", "blocks.pack"])
def test_a_missing_member_is_refused(bundle: Path, name: str):
    with pytest.raises(BundleError):
        read_bundle(rewritten(bundle, {name: b""}))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"events.ndjson": b"{}\n"}, "has no number"),
        ({"events.ndjson": b'{"event":{"event_type":"x"},"seq":0}\n'}, "event 0"),
        ({"events.ndjson": b"x" * ((1 << 20) + 10) + b"\n"}, "longer than"),
        ({"events.ndjson": b"{not json}\n"}, "not JSON"),
        ({"policy.json": b"[" * 500 + b"]" * 500}, "nested deeper"),
        ({"policy.json": b"[]"}, "no object"),
        ({"blocks.idx": b"short"}, "cut off"),
        ({"blocks.pack": b"other"}, "damaged|digest says"),
    ],
)
def test_a_member_that_lies_is_refused_though_the_manifest_vouches_for_it(
    bundle: Path, change: Mapping[str, bytes], why: str
):
    with pytest.raises(BundleError, match=why):
        read_bundle(resealed(bundle, change))


def test_symbolic_links_and_compression_are_refused(bundle: Path):
    with zipfile.ZipFile(bundle) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(bundle, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)

    with pytest.raises(BundleError):
        read_bundle(bundle)


def test_too_many_members_are_refused_before_any_is_written(tmp_path: Path):
    bodies: list[Body] = [body_of(f"files/{number}", b"") for number in range(10_001)]

    with (tmp_path / "big").open("wb") as file, pytest.raises(BundleError) as raised:
        write_archive(file, bodies)

    assert raised.value.code == "too_large"


@pytest.mark.parametrize("state", [ArtifactState.PENDING, ArtifactState.AT_RISK])
def test_payloads_that_are_not_clean_do_not_leave(tmp_path: Path, state: ArtifactState):
    made = tape()
    seq, event = made.events[1]
    assert isinstance(event, StepEnded)
    dirty = tuple(msgspec.structs.replace(ref, state=state) for ref in event.artifacts)
    made.events[1] = (seq, msgspec.structs.replace(event, artifacts=dirty))

    with pytest.raises(BundleError) as raised:
        written(made, tmp_path / "run.fpb")

    assert raised.value.code == "not_clean"
    assert list(tmp_path.iterdir()) == []


def test_a_withheld_payload_is_marked_and_its_blocks_stay_behind(tmp_path: Path):
    made = Tape()
    made.call(Kind.TOOL, "search", {"args": 1}, withheld=True)
    written(made, tmp_path / "run.fpb")

    with read_bundle(tmp_path / "run.fpb") as read:
        assert read.manifest.counts.withheld == 1


def test_a_missing_block_leaves_no_file(tmp_path: Path):
    made = tape()
    made.store.blocks.popitem()

    with pytest.raises(ContentError):
        write_bundle(tmp_path / "run.fpb", made.start(), None, made.events, made.store.blocks)

    assert list(tmp_path.iterdir()) == []


def test_a_file_over_the_size_limit_is_refused_unread(tmp_path: Path):
    path = tmp_path / "huge.fpb"
    with path.open("wb") as file:
        file.truncate((2 << 30) + 1)

    with pytest.raises(BundleError, match="larger than"):
        read_bundle(path)


def test_a_huge_json_member_is_refused_unread(bundle: Path):
    with pytest.raises(BundleError, match="larger than"):
        read_bundle(resealed(bundle, {"policy.json": b"[" * ((16 << 20) + 1)}))


def test_nothing_to_read_is_said_so(tmp_path: Path):
    with pytest.raises(BundleError) as raised:
        read_bundle(tmp_path / "none.fpb")

    assert raised.value.code == "not_a_file"


def test_blocks_are_found_by_digest_and_others_are_not(bundle: Path):
    with read_bundle(bundle) as read:
        assert_found(read)


def assert_found(read: Bundle) -> None:
    for digest in read.blocks:
        assert hashlib.sha256(read.blocks[digest]).digest() == digest
    assert read.get([b"\0" * 32, b"\xff" * 32, b"short"]) == {}


@pytest.mark.parametrize(
    "change",
    [
        {"name": "n" * 257},
        {"run_id": "not-a-uuid"},
        {"step_id": "NOT-A-UUID"},
        {"signature": "short"},
        {"name": "nul \0 byte"},
        {"time_ns": 2**63},
        {"time_ns": 10**20},
        {"unknown": 1},
        {"artifacts": [{"role": "output", "root": "bad"}]},
        {"artifacts": [{"role": "output", "reason": "r" * 257}]},
    ],
)
def test_an_event_the_schema_refuses_is_refused_in_a_bundle_too(
    bundle: Path, change: Mapping[str, object]
):
    with zipfile.ZipFile(bundle) as archive:
        first, *rest = archive.read("events.ndjson").splitlines(keepends=True)
    row = orjson.loads(first)
    row["event"] |= change
    lines = msgspec.json.encode(row) + b"\n" + b"".join(rest)

    with pytest.raises(BundleError, match="event 0"):
        read_bundle(resealed(bundle, {"events.ndjson": lines}))


def test_unusual_but_lawful_events_are_read(tmp_path: Path):
    made = tape()
    seq, event = made.events[0]
    made.events[0] = (
        seq,
        msgspec.structs.replace(event, name="ring \x07 \u00e9", time_ns=2**63 - 1),
    )
    written(made, tmp_path / "run.fpb")

    with read_bundle(tmp_path / "run.fpb") as read:
        assert list(read.events) == made.events
