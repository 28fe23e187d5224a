"""A process that waits with the code imported: its replay is of the code of then, guarded."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import forkpoint
import pytest
from forkpoint.capture.warming import GO, GO_QUIETLY
from forkpoint.testing.memory import recorded

CODE = """
import json, os, socket, sys
from pathlib import Path
import forkpoint

HERE = Path(__file__).parent
with (HERE / "imports.log").open("a") as log:
    print(os.getpid(), file=log)
WORDS = json.loads((HERE / "words.json").read_text())
if WORDS.get("dial"):
    socket.create_connection(("127.0.0.1", WORDS["dial"]))

@forkpoint.tool(effect="read")
def look(word):
    print("ran")
    return word

def main():
    print("begun")
    with forkpoint.run("agent") as run:
        run.set_output(look(WORDS["word"]))

os.write(int(WORDS["ready"]), b"imported")
"""


class Place:
    """The agent's folder, and a process that waits in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.report = folder / "report.json"

    def says(self, **words: object) -> None:
        (self.folder / "words.json").write_text(json.dumps({"word": "blue", **words}))

    @property
    def imports(self) -> list[str]:
        return (self.folder / "imports.log").read_text().split()

    @contextmanager
    def waiting(self, **words: object) -> Iterator[subprocess.Popen[bytes]]:
        """The process, once it has imported the code."""
        hears, ready = os.pipe()
        self.says(ready=ready, **words)
        command = ["-m", "forkpoint.capture.hosting", "agent:main", "--waits"]
        environ = {
            **os.environ,
            "PYTHONPATH": str(self.folder),
            "FORKPOINT_DATA": str(self.folder / "data"),
            "FORKPOINT_SPOOL": str(self.folder / "spool"),
            "FORKPOINT_REPLAY": str(self.folder / "run.fpb"),
            "FORKPOINT_REPLAY_SPEC": str(self.folder / "spec.json"),
        }
        with subprocess.Popen(
            [sys.executable, *command],
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[ready],
        ) as process:
            os.close(ready)
            with os.fdopen(hears, "rb") as told:
                if "dial" not in words:
                    assert told.read(8) == b"imported"
                yield process

    def replayed(
        self, process: subprocess.Popen[bytes], *, word: bytes = GO, says: bytes = b"begun\n"
    ) -> dict[str, Any]:
        """Its files are there now: it may begin."""

        @forkpoint.tool(effect="read", name="look")
        def looked(word: str) -> str:
            return word

        with recorded() as tape:
            with forkpoint.run("agent") as run:
                run.set_output(looked("blue"))
            tape.write_bundle(self.folder / "run.fpb")
        spec = {"session": "s", "report": str(self.report), "guard": "os"}
        (self.folder / "spec.json").write_text(json.dumps(spec))
        said, _ = process.communicate(word, timeout=60)
        assert said == says
        return json.loads(self.report.read_text())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "agent.py").write_text(CODE)
    return Place(tmp_path)


def test_the_code_is_imported_once_before_the_replay_is_asked_for(place: Place):
    with place.waiting() as process:
        report = place.replayed(process)

    assert (report["verdict"], place.imports) == ("identical", [str(process.pid)])


def test_a_replay_that_nobody_looks_at_prints_nothing(place: Place):
    with place.waiting() as process:
        report = place.replayed(process, word=GO_QUIETLY, says=b"")

    assert report["verdict"] == "identical"


@pytest.mark.parametrize("what", ["agent.py", "words.json"])
def test_code_and_files_that_changed_meanwhile_are_read_anew(place: Place, what: str):
    with place.waiting() as process:
        path = place.folder / what
        path.write_text(path.read_text().replace('look(WORDS["word"])', 'look("green")'))
        path.write_text(path.read_text().replace("blue", "green"))
        report = place.replayed(process)

    assert place.imports == [str(process.pid)] * 2
    assert (report["verdict"], report["failedStep"]["reason"]) == ("diverged", "input_changed")
    assert place.imports == [str(process.pid)] * 2


def test_code_that_reaches_out_while_it_is_imported_is_a_breach_of_its_replay(place: Place):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.05)
        with place.waiting(dial=listening.getsockname()[1]) as process:
            report = place.replayed(process, says=b"")
        with pytest.raises(TimeoutError):
            listening.accept()

    assert report["failedStep"]["reason"] == "guard_network"


def test_a_process_whose_replay_never_comes_leaves(place: Place):
    with place.waiting() as process:
        process.communicate(timeout=60)

    assert (process.returncode, place.report.exists()) == (0, False)
