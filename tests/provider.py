"""A model provider on loopback that answers as recorded or as told, for tests that call one."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

CASSETTES = Path(__file__).parent / "fixtures" / "cassettes"


@dataclass(frozen=True)
class Reply:
    status: int
    content_type: str
    body: bytes
    cut: bool = False
    """Whether the connection breaks before the end of the body."""


@dataclass
class Provider:
    """The server: gives its replies in turn and keeps what it was asked."""

    url: str = ""
    replies: list[Reply] = field(default_factory=list)
    asked: list[dict[str, object]] = field(default_factory=list)
    answer: Callable[[dict[str, object]], object] | None = None
    """From what was asked to the JSON of the reply, in the place of `replies`."""

    def play(self, cassette: str) -> None:
        """Give the replies of a cassette next."""
        recording = yaml.safe_load((CASSETTES / f"{cassette}.yaml").read_text())
        for interaction in recording["interactions"]:
            response = interaction["response"]
            headers = {name.lower(): value for name, value in response["headers"].items()}
            kind = headers.get("content-type", "application/json")
            self.replies.append(
                Reply(
                    response["status"]["code"],
                    kind[0] if isinstance(kind, list) else kind,
                    response["body"]["string"].encode(),
                )
            )

    def say(self, status: int, value: object) -> None:
        """Give this JSON next."""
        self.replies.append(Reply(status, "application/json", json.dumps(value).encode()))


@pytest.fixture
def provider() -> Iterator[Provider]:
    state = Provider()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            state.asked.append(json.loads(self.rfile.read(length)))
            if state.answer is not None:
                state.say(200, state.answer(state.asked[-1]))
            reply = state.replies.pop(0)
            self.send_response(reply.status)
            self.send_header("content-type", reply.content_type)
            self.send_header("content-length", str(len(reply.body) + (99 if reply.cut else 0)))
            self.send_header("connection", "close" if reply.cut else "keep-alive")
            self.end_headers()
            self.wfile.write(reply.body)
            self.close_connection = reply.cut

        def log_message(self, format: str, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield state
    server.shutdown()
    thread.join()
    server.server_close()
