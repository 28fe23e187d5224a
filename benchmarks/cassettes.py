"""The peer of exact replay: vcrpy answers the same calls, made over HTTP, from its cassette."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from time import perf_counter

import urllib3
import vcr

CALLS = 200
"""vcrpy looks through all it has recorded for each call: more of them cost more each."""


def vcrpy_call_us() -> float:
    """Microseconds of one call whose answer comes from the cassette; reading that is left out."""
    with tempfile.TemporaryDirectory() as folder, answering() as url:
        path = Path(folder) / "calls.yaml"
        with vcr.use_cassette(str(path), record_mode="all"):
            ask_all(url)
        with vcr.use_cassette(str(path), record_mode="none") as cassette:
            start = perf_counter()
            ask_all(url)
            took = perf_counter() - start
            assert cassette.play_count == CALLS
    return took / CALLS * 1e6


def ask_all(url: str) -> None:
    with urllib3.PoolManager() as pool:
        for number in range(CALLS):
            answer = pool.request("GET", f"{url}/search", fields={"q": f"q{number}"})
            assert answer.json()["hits"][0]["id"] == number


@contextmanager
def answering() -> Generator[str]:
    """A server that answers as the tool of the replay benchmark does."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            number = int(self.path.partition("q=q")[2])
            hits = [{"id": number, "text": "x" * 600}]
            body = json.dumps({"hits": hits, "query": f"q{number}"}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
