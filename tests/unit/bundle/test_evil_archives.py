"""Archives made to hurt whoever opens them: refused with exit 2, nothing written, little memory."""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from forkpoint.bundle import read_bundle
from forkpoint.errors import BundleError
from unit.bundle.test_bundle import resealed, tape, written

Make = Callable[[Path], None]
MEMORY_BYTES = 100 << 20
ALL_BITS = os.environ.get("FORKPOINT_FAULT_ROUNDS") is not None


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(path: Path, given: list[tuple[zipfile.ZipInfo | str, bytes]], **how: int) -> None:
    with zipfile.ZipFile(path, "w", **how) as archive:
        for name, data in given:
            archive.writestr(name, data)


def added(name: str, data: bytes = b"x", *, mode: int = 0o100644) -> Make:
    """The members of a good bundle and one more."""

    def make(path: Path) -> None:
        info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
        info.create_system = 3
        info.external_attr = mode << 16
        zipped(path, [*members(path).items(), (info, data)])

    return make


def twice(path: Path) -> None:
    good = list(members(path).items())
    with pytest.warns(UserWarning, match="Duplicate"):
        zipped(path, [*good, ("events.ndjson", good[1][1])])


def compressed(path: Path) -> None:
    zipped(path, list(members(path).items()), compression=zipfile.ZIP_DEFLATED)


def bomb(path: Path) -> None:
    """Ten gigabytes in a member of ten megabytes, in a directory that claims our own layout."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = bytes(16 << 20)
    packed = b"".join(packer.compress(block) for _ in range(8)) + packer.flush()
    info = zipfile.ZipInfo("events.ndjson")
    info.compress_type = zipfile.ZIP_STORED
    good = members(path)
    zipped(path, [("manifest.json", good["manifest.json"]), (info, packed)])
    whole = bytearray(path.read_bytes())
    at = whole.rindex(b"PK\1\2")
    whole[at + 10 : at + 12] = struct.pack("<H", zipfile.ZIP_DEFLATED)
    whole[at + 24 : at + 28] = struct.pack("<I", 0xFFFF_FFF0)
    path.write_bytes(whole)


def overlapping(path: Path) -> None:
    """Two entries of the directory that name the same bytes."""
    whole = bytearray(path.read_bytes())
    first = whole.index(b"PK\1\2")
    second = whole.index(b"PK\1\2", first + 4)
    whole[second + 42 : second + 46] = whole[first + 42 : first + 46]
    path.write_bytes(whole)


def encrypted(path: Path) -> None:
    whole = bytearray(path.read_bytes())
    whole[6] |= 1
    path.write_bytes(whole)


def prefixed(path: Path) -> None:
    """A program before the archive, as self-extracting archives have."""
    path.write_bytes(b"#!/bin/sh\nexit\n" + path.read_bytes())


def commented(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"hello"


def tarred(path: Path) -> None:
    """A device and a link that climbs, in a tar that is called a bundle."""
    with tarfile.open(path, "w") as archive:
        device = tarfile.TarInfo("manifest.json")
        device.type, device.devmajor, device.devminor = tarfile.CHRTYPE, 1, 5
        archive.addfile(device)
        link = tarfile.TarInfo("events.ndjson")
        link.type, link.linkname = tarfile.SYMTYPE, "../../../etc/passwd"
        archive.addfile(link)


def nested_zip(path: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("manifest.json", b"{}")
    zipped(path, [("inner.zip", inner.getvalue())])


def many_values(path: Path) -> None:
    """16 MiB of JSON that would be 400 MB of objects, vouched for by a manifest."""
    resealed(path, {"policy.json": b'{"a":[' + b"{}," * 5_000_000 + b"{}]}"})


def deep_event(path: Path) -> None:
    resealed(path, {"events.ndjson": b"[" * 900_000 + b"\n"})


def sparse(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate((2 << 30) - 1)


EVIL: dict[str, Make] = {
    "traversal": added("../../.ssh/authorized_keys"),
    "traversal in files": added("files/../../up"),
    "absolute": added("/etc/cron.d/evil"),
    "drive": added("C:\\evil.txt"),
    "backslashes": added("files\\..\\..\\evil"),
    "symbolic link": added("files/link", b"/etc/passwd", mode=0o120777),
    "device": added("files/zero", b"", mode=0o020666),
    "executable": added("files/run.sh", b"#!/bin/sh", mode=0o100755),
    "folder": added("files/", b""),
    "case twin": added("Manifest.json"),
    "name with NUL": added("files/a\u2400b"),
    "duplicate": twice,
    "compressed": compressed,
    "bomb": bomb,
    "overlap": overlapping,
    "encrypted": encrypted,
    "program before": prefixed,
    "comment": commented,
    "tar": tarred,
    "zip in a zip": nested_zip,
    "too many values": many_values,
    "deep event": deep_event,
    "sparse": sparse,
    "empty": lambda path: path.write_bytes(b"") and None,
    "text": lambda path: path.write_text("PK") and None,
}
PROBE = """
import json, resource, sys
from pathlib import Path
from forkpoint.bundle import read_bundle
from forkpoint.errors import BundleError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = {}
for path in sorted(Path().glob("*.fpb")):
    try:
        read_bundle(path).close()
        found[path.stem] = "accepted"
    except BundleError as error:
        found[path.stem] = error.code
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(json.dumps([found, grown * 1024]))
"""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One evil bundle of each kind."""
    folder = tmp_path_factory.mktemp("evil")
    for name, make in EVIL.items():
        path = folder / f"{name}.fpb"
        written(tape(), path, policy={"policy": "forkpoint.policy/1"}, files={"a.txt": b"hello"})
        make(path)
    return folder


def test_bundle_that_is_evil_is_refused_within_bounded_memory(corpus: Path):
    done = subprocess.run(
        [sys.executable, "-c", PROBE], cwd=corpus, capture_output=True, text=True, check=True
    )
    found, grown = json.loads(done.stdout)

    assert found == {name: "not_a_file" if name == "empty" else "integrity_failed" for name in EVIL}
    assert grown < MEMORY_BYTES


COMMANDS = """
import sys
from pathlib import Path
from forkpoint_cli.main import main
WAYS = [["bundle", "verify"], ["bundle", "inspect"], ["replay"]]
for number, path in enumerate(sorted(Path(sys.argv[1]).glob("*.fpb"))):
    for words in WAYS if path.stem == "traversal" else WAYS[number % 3 :][:1]:
        sys.argv[1:] = [*words, str(path)]
        try:
            main()
        except SystemExit as leaving:
            print("left", leaving.code, file=sys.stderr)
"""


def test_bundle_that_is_evil_makes_the_commands_leave_2_and_write_nothing(
    corpus: Path, tmp_path: Path
):
    (tmp_path / "here").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS, corpus],
        cwd=tmp_path / "here",
        env={**os.environ, "FORKPOINT_DATA": str(tmp_path / "data")},
        capture_output=True,
        text=True,
        check=True,
    )

    left = [line for line in done.stderr.splitlines() if line.startswith("left")]
    assert (left, done.stdout) == (["left 2"] * (len(EVIL) + 2), "")
    assert done.stderr.count("bundle refused") >= len(EVIL) + 1  # an empty file is none
    assert [path.name for path in tmp_path.rglob("*")] == ["here"]


def test_each_flipped_bit_of_what_steers_a_reader_is_refused(tmp_path: Path):
    """All bits of the headers, the directory and the index; of the rest a sample."""
    path = tmp_path / "run.fpb"
    whole = written(tape(), path)
    accepted: list[int] = []
    for bit in bits(whole):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            read_bundle(path).close()
        except BundleError as error:
            assert error.code == "integrity_failed"
        else:
            accepted.append(bit)

    assert accepted == []


def bits(whole: bytes) -> list[int]:
    if ALL_BITS:
        return list(range(len(whole) * 8))
    directory = whole.index(b"PK\1\2")
    steering = [*range(40), *range(directory, len(whole))]
    rest = range(40, directory, 41)
    return [byte * 8 + bit for byte in steering for bit in range(8)] + [
        byte * 8 + byte % 8 for byte in rest
    ]
