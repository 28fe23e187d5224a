"""A model provider on loopback that counts what it is asked, and answers by the model's name."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CHUNKS = ("one ", "two ", "three")


class Stub:
    """`retry` fails once, `drop` hangs up once, `status-N` fails always.

    `stream` sends chunks, `broken` breaks after two.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.url = ""
        self._lock = threading.Lock()

    def answer(self, model: str) -> tuple[int, str, bytes, bool]:
        """Status, content type, body, and whether the connection breaks before its end."""
        with self._lock:
            self.asked.append(model)
            first = self.asked.count(model) == 1
        if model == "drop" and first:
            return 0, "", b"", True
        if model == "retry" and first:
            return 500, "application/json", _json({"error": {"message": "try again"}}), False
        if model.startswith("status-"):
            status = int(model.removeprefix("status-"))
            body = {"error": {"message": f"refused with {status}", "type": "x", "code": None}}
            return status, "application/json", _json(body), False
        if model in ("stream", "broken"):
            return 200, "text/event-stream", _events(model), model == "broken"
        return 200, "application/json", _json(_completion(f"answer of {model}")), False


@contextmanager
def serving() -> Generator[Stub, None, None]:
    """Serve in this block."""
    stub = Stub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            status, kind, body, cut = stub.answer(asked["model"])
            if not status:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body) + (99 if cut else 0)))
            self.send_header("retry-after-ms", "1")
            self.send_header("connection", "close" if cut else "keep-alive")
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = cut

        def log_message(self, format: str, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    stub.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _completion(text: str) -> dict[str, object]:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    return {
        "id": "c-1",
        "object": "chat.completion",
        "created": 1,
        "model": "stub-1",
        "choices": [choice],
        "usage": usage,
    }


def _events(model: str) -> bytes:
    whole: dict[str, object] = {
        "id": "c-2",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": model,
    }
    lines: list[bytes] = []
    for text in CHUNKS[: 2 if model == "broken" else None]:
        choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
        lines.append(b"data: " + _json({**whole, "choices": [choice]}) + b"\n\n")
    if model == "stream":
        lines.append(b"data: [DONE]\n\n")
    return b"".join(lines)
