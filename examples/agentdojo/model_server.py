"""An OpenAI-compatible endpoint on this machine that answers as the recorded models did.

    python -m examples.agentdojo.model_server [--port N]

`model` of a request names a recorded run. Without `--port` the system picks a free one; the first
line printed is the base URL for a client.
"""

from __future__ import annotations

import argparse
import json
import socket
import threading
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import cast

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from examples.agentdojo.completions import chunks, completion
from examples.agentdojo.continuation import Chat, Reply, reply_to
from examples.agentdojo.recordings import load, names, same_task


def make_app() -> Starlette:
    """The endpoint: `POST /v1/chat/completions` and `GET /v1/models`."""
    return Starlette(
        routes=[
            Route("/v1/chat/completions", _chat_completions, methods=["POST"]),
            Route("/v1/models", _models, methods=["GET"]),
        ]
    )


@contextmanager
def serving(app: Starlette) -> Generator[str]:
    """Serve in a thread of this process on a free loopback port; gives the base URL."""
    listener = _listen(0)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        yield _base_url(listener)
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()


async def _chat_completions(request: Request) -> Response:
    body = cast("Mapping[str, object]", await request.json())
    model = str(body.get("model", ""))
    asked = cast("Chat", body.get("messages", []))
    if model not in names():
        return _error(404, f"no recorded run is called {model!r}", code="model_not_found")
    named = load(model)
    reply = reply_to(asked, named=named, others=same_task(named))
    if reply is None:
        return _error(400, f"{model} has no answer after {len(asked)} messages", code="no_answer")
    if body.get("stream"):
        return _stream(asked, reply, body)
    return JSONResponse(completion(asked, reply, model=model))


def _stream(asked: Chat, reply: Reply, body: Mapping[str, object]) -> StreamingResponse:
    options = cast("Mapping[str, object]", body.get("stream_options") or {})
    parts = chunks(
        asked, reply, model=str(body["model"]), with_usage=bool(options.get("include_usage"))
    )

    def lines() -> Iterator[str]:
        for part in parts:
            yield f"data: {json.dumps(part)}\n\n"
        yield "data: [DONE]\n\n"

    return StreamingResponse(lines(), media_type="text/event-stream")


async def _models(_: Request) -> JSONResponse:
    known = [{"id": name, "object": "model", "owned_by": "agentdojo"} for name in names()]
    return JSONResponse({"object": "list", "data": known})


def _error(status: int, message: str, *, code: str) -> JSONResponse:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return JSONResponse({"error": error}, status_code=status)


def _listen(port: int) -> socket.socket:
    return socket.create_server(("127.0.0.1", port))


def _base_url(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="answer as the recorded models did")
    parser.add_argument("--port", type=int, default=0, help="0 (default): any free one")
    listener = _listen(parser.parse_args().port)
    print(_base_url(listener), flush=True)
    uvicorn.Server(uvicorn.Config(make_app(), log_level="warning")).run([listener])


if __name__ == "__main__":
    main()
