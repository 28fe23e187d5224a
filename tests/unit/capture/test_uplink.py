"""The uplink: what dead processes left is sent, and nothing is removed before it was taken."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import orjson
import pytest
from forkpoint.capture.counters import Counters
from forkpoint.capture.disk import DiskSpool
from forkpoint.capture.uplink import SpoolUplink
from forkpoint.events.model import Note, RunStart
from forkpoint.settings import Settings


class Service:
    """A stand-in for the service on loopback: answers GraphQL as `answer` says."""

    def __init__(self) -> None:
        self.status = 200
        self.rejecting: str | None = None
        self.retry_after: str | None = None
        self.seen: list[str] = []

    def answer(self, body: bytes) -> bytes:
        asked = orjson.loads(body)
        field = asked["query"].split("{")[1].split("(")[0].strip()
        self.seen.append(field)
        events = asked["variables"]["input"].get("events", [])
        rejected = [
            {"index": n, "code": self.rejecting, "message": "", "id": None, "field": None}
            for n in range(len(events) if self.rejecting else 0)
        ]
        accepted = len(events) - len(rejected)
        done = {"missing": [], "accepted": accepted, "rejected": rejected}
        return orjson.dumps({"data": {field: done}})


@pytest.fixture
def service() -> Iterator[tuple[Service, str]]:
    state = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = state.answer(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(state.status)
            if state.retry_after is not None:
                self.send_header("retry-after", state.retry_after)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield state, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def spool(folder: Path, *, run: str = "018f3c1e-0000-7000-8000-000000000001") -> DiskSpool:
    disk = DiskSpool(folder, counters=Counters(), clock=time.time_ns, bound=1 << 24)
    disk.start(RunStart(run_id=run, name="r", started_ns=1), [])
    disk.flush()
    return disk


def uplink(disk: DiskSpool, url: str, data: Path) -> SpoolUplink:
    return SpoolUplink(disk, Settings(url=url, data=data), Counters())


def test_a_flush_waits_until_all_is_acknowledged_and_the_spool_is_gone(
    service: tuple[Service, str], tmp_path: Path
) -> None:
    state, url = service
    disk = spool(tmp_path / "spool")
    link = uplink(disk, url, tmp_path)

    assert link.flush(time.monotonic() + 10)
    link.stop()

    assert state.seen == ["startRun"]
    assert not disk.folder.exists()


def test_a_flush_gives_up_when_the_collector_is_away_and_keeps_the_spool(tmp_path: Path) -> None:
    disk = spool(tmp_path / "spool")
    link = uplink(disk, "http://127.0.0.1:9", tmp_path)

    assert not link.flush(time.monotonic() + 10)
    link.stop()

    assert disk.folder.exists()


def test_the_spool_of_a_living_process_is_left_alone_and_that_of_a_dead_one_is_sent(
    service: tuple[Service, str], tmp_path: Path
) -> None:
    state, url = service
    living = spool(tmp_path / "spool")
    dead = spool(tmp_path / "spool")
    dead.close()
    link = uplink(spool(tmp_path / "spool"), url, tmp_path)

    assert link.flush(time.monotonic() + 10)
    link.stop()

    assert living.folder.exists()
    assert not dead.folder.exists()
    assert state.seen == ["startRun", "startRun"]


def test_a_refused_token_is_said_once_and_keeps_the_spool(
    service: tuple[Service, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state, url = service
    state.status = 401
    disk = spool(tmp_path / "spool")
    link = uplink(disk, url, tmp_path)

    assert not link.flush(time.monotonic() + 10)
    assert not link.flush(time.monotonic() + 10)
    link.stop()

    assert len(state.seen) == 1
    assert [record.message.split()[0] for record in caplog.records] == ["sending_stopped"]
    assert disk.folder.exists()


def test_a_collector_that_asks_for_time_is_left_alone_even_by_a_flush(
    service: tuple[Service, str], tmp_path: Path
) -> None:
    state, url = service
    state.status, state.retry_after = 503, "3600"
    disk = spool(tmp_path / "spool")
    link = uplink(disk, url, tmp_path)

    assert not link.flush(time.monotonic() + 10)
    assert not link.flush(time.monotonic() + 10)
    link.stop()

    assert len(state.seen) == 1
    assert disk.folder.exists()


def test_a_spool_whose_run_nobody_opened_yet_does_not_hold_up_the_others(
    service: tuple[Service, str], tmp_path: Path
) -> None:
    state, url = service
    state.rejecting = "unknown_run"
    waiting, ready = sorted(
        (
            DiskSpool(tmp_path / "spool", counters=Counters(), clock=time.time_ns, bound=1 << 24)
            for _ in range(2)
        ),
        key=lambda disk: disk.folder,
    )
    run = "018f3c1e-0000-7000-8000-000000000002"
    waiting.event(Note(run_id=run, sequence_no=0, time_ns=1, name="n"))
    ready.start(RunStart(run_id=run, name="r", started_ns=1), [])
    for disk in (waiting, ready):
        disk.close()
    link = uplink(spool(tmp_path / "spool"), url, tmp_path)

    assert link.flush(time.monotonic() + 10)
    link.stop()

    assert waiting.folder.exists()
    assert not ready.folder.exists()
    assert not (tmp_path / "rejected").exists()


def test_events_of_a_run_that_nobody_opened_for_an_hour_are_kept_aside(
    service: tuple[Service, str], tmp_path: Path
) -> None:
    state, url = service
    state.rejecting = "unknown_run"
    dead = DiskSpool(tmp_path / "spool", counters=Counters(), clock=time.time_ns, bound=1 << 24)
    dead.event(
        Note(run_id="018f3c1e-0000-7000-8000-000000000002", sequence_no=0, time_ns=1, name="n")
    )
    dead.close()
    for path in dead.folder.glob("*.seg"):
        os.utime(path, (1, 1))
    link = uplink(spool(tmp_path / "spool"), url, tmp_path)

    assert link.flush(time.monotonic() + 10)
    link.stop()

    assert not dead.folder.exists()
    assert len(list((tmp_path / "rejected").iterdir())) == 1


def test_a_folder_whose_remover_was_killed_goes_when_it_is_old(
    service: tuple[Service, str], tmp_path: Path
) -> None:
    _, url = service
    old, young = tmp_path / "spool" / "old", tmp_path / "spool" / "young"
    old.mkdir(parents=True)
    young.mkdir()
    os.utime(old, (1, 1))
    link = uplink(spool(tmp_path / "spool"), url, tmp_path)

    assert link.flush(time.monotonic() + 10)
    link.stop()

    assert not old.exists()
    assert young.exists()
