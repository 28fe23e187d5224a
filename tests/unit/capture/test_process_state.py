"""One recorder a process: whoever takes its place in a block puts it back."""

from __future__ import annotations

from pathlib import Path

import forkpoint
import pytest
from forkpoint.capture import process
from forkpoint.capture.guards import _place
from forkpoint.capture.spool import Position, RecordType, SpoolReader
from forkpoint.settings import Settings
from forkpoint.testing.memory import recorded


@forkpoint.tool(effect="pure")
def leaf(number: int) -> int:
    return number


def spooling(folder: Path) -> Settings:
    return Settings(data=folder / "data", spool=folder / "spool")


def runs_in(folder: Path) -> int:
    """How many runs were opened in the spools of a folder."""
    return sum(
        record.type is RecordType.RUN_START
        for spool in (folder / "spool").iterdir()
        for record in SpoolReader(spool).read(Position(), limit=1 << 30)[0]
    )


def record_one() -> None:
    with forkpoint.run("r"):
        leaf(1)
    assert forkpoint.flush(30)


def test_an_outer_recorder_goes_on_after_an_inner_one(tmp_path: Path) -> None:
    outer, inner = tmp_path / "outer", tmp_path / "inner"

    with process.configured(spooling(outer)):
        record_one()
        with process.configured(spooling(inner)):
            record_one()
        record_one()

    assert (runs_in(outer), runs_in(inner)) == (2, 1)


def test_nothing_of_a_replay_outlives_it(tmp_path: Path) -> None:
    with process.configured(spooling(tmp_path)):
        record_one()
        with recorded() as tape:
            record_one()
            with forkpoint.replaying(tape.recording()):
                record_one()
        record_one()

    assert runs_in(tmp_path) == 2
    assert _place.guard is None


def test_recording_is_back_on_after_a_block_without_it(tmp_path: Path) -> None:
    with process.configured(spooling(tmp_path)):
        with process.configured(Settings(disabled=True)):
            record_one()
        record_one()

    assert runs_in(tmp_path) == 1


def test_a_recorder_put_in_place_records_also_where_the_process_does_not() -> None:
    with process.configured(Settings(disabled=True)), recorded() as memory:
        record_one()

    assert len(memory.steps) == 1


def test_a_block_that_fails_puts_the_recorder_back(tmp_path: Path) -> None:
    with process.configured(spooling(tmp_path)):
        with pytest.raises(KeyError), process.configured(Settings(disabled=True)):
            raise KeyError
        record_one()

    assert runs_in(tmp_path) == 1
