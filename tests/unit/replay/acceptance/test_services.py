"""Services reached by HTTP: what they do for a run is part of it, under the same keys each time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from forkpoint.capture.baggage import baggage_for, joined, read_baggage
from forkpoint.capture.strands import current
from forkpoint.testing.memory import recorded

from .agents import run_once
from .test_processes import spooled

SERVICE = """
import asyncio, sys, threading
from wsgiref.simple_server import WSGIRequestHandler, make_server
import forkpoint
from forkpoint.integrations.web import JoinASGI, JoinWSGI

@forkpoint.tool(effect="read")
def weigh(number):
    return number * 3

class Quiet(WSGIRequestHandler):
    def log_message(self, *words):
        pass

@JoinWSGI
def application(environ, start_response):
    start_response("200 OK", [("content-type", "text/plain")])
    if environ["PATH_INFO"] == "/asgi":
        yield asyncio.run(through_asgi(environ.get("HTTP_BAGGAGE", ""))).encode()
        return
    yield str(weigh(int(environ["PATH_INFO"][1:]))).encode()
    yield str(weigh(1)).encode()

async def through_asgi(baggage):
    found = []

    @JoinASGI
    async def inner(scope, receive, send):
        found.append(await asyncio.to_thread(weigh, 5))

    await inner({"type": "http", "headers": [(b"baggage", baggage.encode())]}, None, None)
    return str(found)

with make_server("127.0.0.1", 0, application, handler_class=Quiet) as server:
    print(server.server_port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    server.shutdown()
forkpoint.flush()
"""
AGENT = """
import asyncio, sys, urllib.request
import forkpoint, httpx
from concurrent.futures import ThreadPoolExecutor

forkpoint.instrument("urllib", "httpx", "httpx2", "aiohttp")
import aiohttp, httpx2, requests
base = "http://127.0.0.1:" + sys.argv[1]

@forkpoint.tool(effect="read")
def by_urllib(number):
    with urllib.request.urlopen(f"{base}/{number}") as answer:
        return answer.read().decode()

@forkpoint.tool(effect="read")
def by_requests(number):
    return requests.get(f"{base}/{number}", headers={"baggage": "user=7"}).text

@forkpoint.tool(effect="read")
async def by_httpx(number):
    async with httpx.AsyncClient(verify=False) as client:
        answers = [await client.get(f"{base}/{number}"), await client.get(f"{base}/asgi")]
        return [answer.text for answer in answers]

@forkpoint.tool(effect="read")
def by_httpx2(number):
    with httpx2.Client(verify=False) as client:
        return client.get(f"{base}/{number}", headers={"baggage": "user=7"}).text

@forkpoint.tool(effect="read")
async def by_aiohttp(number):
    async with aiohttp.ClientSession(headers={"baggage": "user=7"}) as client:
        async with client.get(f"{base}/{number}") as answer, client.get(f"{base}/asgi") as other:
            return [await answer.text(), await other.text()]

async def asked_async():
    return [await by_httpx(4), await by_aiohttp(5)]

if __name__ == "__main__":
    with forkpoint.run("agent") as run:
        with ThreadPoolExecutor(2) as pool:
            said = list(pool.map(by_urllib, range(2)))
        said = [said, by_requests(3), by_httpx2(6), asyncio.run(asked_async())]
        print(said)
        run.set_output(str(said))
    forkpoint.flush()
"""
KEYS = {
    "urllib": {"r/0.by_urllib.0#0/0.http.0#0", "r/0.by_urllib.1#0/0.http.0#1"},
    "requests": {"r#0/0.http.0#0", "r#0/0.http.0#1"},
    "httpx2": {"r#1/0.http.0#0", "r#1/0.http.0#1"},
    "httpx": {"r/2.asked_async.0#0/0.http.0#1", "r/2.asked_async.0#0/0.http.1#0"},
    "aiohttp": {"r/2.asked_async.0#1/0.http.0#1", "r/2.asked_async.0#1/0.http.1#0"},
}
"""By the library that asked: calls of the service, and their keys."""


@contextmanager
def serving(folder: Path, home: Path) -> Iterator[str]:
    """The service, a process nobody started from a run; its port."""
    (folder / "service.py").write_text(SERVICE)
    with subprocess.Popen(
        [sys.executable, str(folder / "service.py")],
        env=environ(home),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as service:
        assert service.stdout is not None
        yield service.stdout.readline().strip()
        service.communicate(timeout=30)


def environ(home: Path, **more: str) -> dict[str, str]:
    folders = {"FORKPOINT_DATA": str(home / "data"), "FORKPOINT_SPOOL": str(home / "spool")}
    return {**os.environ, **folders, **more}


def asked(folder: Path, port: str, home: Path, **more: str) -> str:
    (folder / "agent.py").write_text(AGENT)
    return subprocess.run(
        [sys.executable, str(folder / "agent.py"), port],
        env=environ(home, **more),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout


def test_remote_strand_over_http(tmp_path: Path):
    recordings: list[set[str]] = []
    said = ""
    for home in (tmp_path / "one", tmp_path / "two"):
        home.mkdir()
        with serving(tmp_path, home) as port:
            said = asked(tmp_path, port, home)
        recordings.append({step.key for step in spooled(home, home / "run.fpb")})

    again = tmp_path / "again"
    again.mkdir()
    report = again / "report.json"
    (again / "spec.json").write_text(json.dumps({"session": "s", "report": str(report)}))
    replayed = asked(
        tmp_path,
        "1",  # nobody listens there
        again,
        FORKPOINT_REPLAY=str(home / "run.fpb"),
        FORKPOINT_REPLAY_SPEC=str(again / "spec.json"),
    )

    assert recordings[0] == recordings[1]
    assert {name for name, keys in KEYS.items() if recordings[0] >= keys} == set(KEYS)
    assert (replayed, json.loads(report.read_text())["verdict"]) == (said, "identical")


def test_only_hosts_of_the_setting_hear_of_a_run():
    def agent() -> str:
        frame = current.get()
        assert frame is not None
        context = read_baggage(f"user=7,{baggage_for('localhost')};ttl=1")
        assert context is not None
        assert (context.run, context.strand, context.step) == (frame.run.id, "r/0.http.0", None)
        return str(baggage_for("api.example.com"))

    with recorded():
        assert run_once(agent) == "None"
    assert baggage_for("localhost") is None  # of no run


RUN = "0190a0b0-0000-7000-8000-000000000000"


@pytest.mark.parametrize(
    "header",
    [
        None,
        "user=7",
        f"forkpoint.run={RUN}",
        "forkpoint.run=../etc,forkpoint.strand=r",
        f"forkpoint.run={RUN},forkpoint.strand=r%0Ax",
        f"forkpoint.run={RUN},forkpoint.strand=r,forkpoint.step=r%230%20x",
        f"forkpoint.run={RUN},forkpoint.strand={'r' * 9000}",
    ],
)
def test_a_header_that_names_no_run_joins_none(header: str | None):
    with recorded() as tape, joined(header):
        assert current.get() is None
    assert tape.events == []
