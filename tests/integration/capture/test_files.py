"""Attached files over a real service: what comes back, and what a file too large leaves."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path
from subprocess import run

import pytest
import urllib3

SIZE = 40 << 20
PROGRAM = """
import sys, forkpoint
forkpoint.init()
with forkpoint.run("files") as run:
    for path in sys.argv[1:]:
        forkpoint.attach(path.rpartition("/")[2], path)
assert forkpoint.flush(60)
print(run.id)
"""
QUERY = "query($id: ID!) { run(id: $id) { artifacts { role state reason size root } } }"


@pytest.fixture(scope="module")
def attached(server: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder of two files, and the run they hang on."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "random.bin").write_bytes(os.urandom(SIZE))
    with (folder / "large.bin").open("wb") as file:
        file.truncate(129 << 20)
    environment = {**os.environ, "FORKPOINT_URL": server, "FORKPOINT_DATA": str(folder / "data")}
    command = [sys.executable, "-c", PROGRAM, folder / "random.bin", folder / "large.bin"]
    done = run(command, env=environment, check=True, capture_output=True, text=True)
    return folder, done.stdout.strip()


def artifacts(server: str, run_id: str) -> dict[str, dict[str, str]]:
    """Artifacts of notes by role; the service puts `note.<writer>.<sequence>.` before it."""
    body = json.dumps({"query": QUERY, "variables": {"id": run_id}})
    headers = {"Content-Type": "application/json"}
    answer = urllib3.request("POST", f"{server}/graphql", body=body, headers=headers).json()
    found = answer["data"]["run"]["artifacts"]
    return {one["role"].split(".", 3)[3]: one for one in found if one["role"][:5] == "note."}


def test_a_file_comes_back_byte_for_byte_and_in_ranges(server: str, attached: tuple[Path, str]):
    folder, run_id = attached
    content = (folder / "random.bin").read_bytes()
    url = f"{server}/v1/artifacts/{artifacts(server, run_id)['file.random.bin']['root']}"

    whole = urllib3.request("GET", url).data
    part = urllib3.request("GET", url, headers={"Range": "bytes=9000000-9099999"})

    assert hashlib.sha256(whole).digest() == hashlib.sha256(content).digest()
    assert (part.status, part.data) == (206, content[9_000_000:9_100_000])


def test_a_file_too_large_is_withheld_with_its_size(server: str, attached: tuple[Path, str]):
    found = artifacts(server, attached[1])["file.large.bin"]

    assert (found["state"], found["reason"]) == ("WITHHELD", "too_large")
    assert int(found["size"]) == 129 << 20
