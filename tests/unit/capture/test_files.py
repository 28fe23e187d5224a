"""Attached files: what is held, what is masked, what is withheld and why."""

from __future__ import annotations

import os
from pathlib import Path

import forkpoint
import pytest
from forkpoint.capture import files
from forkpoint.events.kinds import ArtifactState
from forkpoint.events.model import ArtifactRef, Note
from forkpoint.testing.memory import Recorded

MIB = 1 << 20


def refs_of(memory: Recorded) -> dict[str, ArtifactRef]:
    """References of all attached files, by role."""
    memory.recorder.drain()
    notes = [event for event in memory.events if isinstance(event, Note)]
    return {ref.role: ref for note in notes for ref in note.artifacts}


def test_a_file_hangs_on_the_step_that_is_open(memory: Recorded) -> None:
    @forkpoint.tool(effect="read")
    def draw() -> None:
        forkpoint.attach("plot.png", b"\x89PNG")

    with forkpoint.run("r"):
        draw()
        forkpoint.attach("log.txt", b"done")

    notes = [event for event in memory.events if isinstance(event, Note)]
    assert [note.step_id for note in notes] == [memory.steps[0].step_id, None]
    assert [note.artifacts[0].media_type for note in notes] == ["image/png", "text/plain"]


def test_a_large_file_is_recorded_though_it_is_deleted_at_once(
    memory: Recorded, tmp_path: Path
) -> None:
    path = tmp_path / "large.bin"
    content = os.urandom(3 * MIB)
    path.write_bytes(content)

    with forkpoint.run("r"):
        forkpoint.attach("large.bin", path)
        path.unlink()

    ref = refs_of(memory)["file.large.bin"]
    assert (ref.state, ref.size) == (ArtifactState.CLEAN, 3 * MIB)
    assert memory.value([ref], "file.large.bin") == content


def test_a_large_file_that_changes_before_it_is_read_is_withheld(
    memory: Recorded, tmp_path: Path
) -> None:
    path = tmp_path / "large.log"
    path.write_bytes(b"x" * (2 * MIB))

    with forkpoint.run("r"):
        forkpoint.attach("large.log", path)
        with path.open("ab") as file:
            file.write(b"more")

    ref = refs_of(memory)["file.large.log"]
    assert (ref.state, ref.reason, ref.size) == (ArtifactState.WITHHELD, "changed", 2 * MIB)


def test_secrets_in_attached_texts_and_bytes_are_masked(memory: Recorded) -> None:
    memory.recorder.add_secret("correct-horse-battery")

    with forkpoint.run("r"):
        forkpoint.attach("settings.json", b'{"api_key": "k9f3m2x8q1w7"}')
        forkpoint.attach("dump.bin", b"\xff correct-horse-battery \x00")

    refs = refs_of(memory)
    text = memory.value([refs["file.settings.json"]], "file.settings.json")
    dump = memory.value([refs["file.dump.bin"]], "file.dump.bin")
    assert isinstance(text, bytes) and isinstance(dump, bytes)
    assert b"k9f3m2x8q1w7" not in text and b"rx1_" in text
    assert b"correct-horse" not in dump and dump.startswith(b"\xff rx1_")


def test_a_long_text_whose_names_were_not_read_is_at_risk(
    memory: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "TEXT_BYTES", 10_000)
    with forkpoint.run("r"):
        forkpoint.attach("long.json", b'{"password": "hunter2!"}' + b" " * 10_000)
        forkpoint.attach("long.txt", b"nothing to see\n" * 1_000)

    refs = refs_of(memory)
    risky, plain = refs["file.long.json"], refs["file.long.txt"]
    assert (risky.state, risky.reason) == (ArtifactState.AT_RISK, "limit_size")
    assert plain.state is ArtifactState.CLEAN


def test_a_path_that_is_no_file_is_the_callers_mistake(memory: Recorded, tmp_path: Path) -> None:
    with forkpoint.run("r"), pytest.raises(FileNotFoundError):
        forkpoint.attach("absent", tmp_path / "absent")
