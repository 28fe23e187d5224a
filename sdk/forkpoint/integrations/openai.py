"""The OpenAI client, recorded at the one method every resource's requests pass through.

Sync and async, streams, raw responses, pagination and retries all go through `request`, and each
try through `_send_request`; both are patched once, on the classes.
"""

from __future__ import annotations

import asyncio
import functools
import sys
from collections.abc import AsyncGenerator, Generator, Mapping
from typing import Any, cast

from forkpoint.capture import process
from forkpoint.capture.beginning import begin
from forkpoint.capture.canary import kinds_seen
from forkpoint.capture.spawn import follow_loop
from forkpoint.capture.strands import Frame, current
from forkpoint.events.kinds import Kind
from forkpoint.integrations.answers import Answers
from forkpoint.integrations.exchange import Exchange, current_exchange
from forkpoint.integrations.openai_parts import numbers_of, project, put_back
from forkpoint.integrations.openai_streams import as_events

LIBRARY = "openai"
_INSIDE = ("openai", "forkpoint", "httpx", "httpx2")
_DEEPEST = 40
_canaries: dict[str, bool] = {}


def patch() -> None:
    """Patch the client classes of the library; a second call does nothing."""
    from openai import _base_client as base  # pyright: ignore[reportPrivateUsage]

    if getattr(base.SyncAPIClient.request, "__forkpoint__", False):
        return
    for owner, name, make in (
        (base.SyncAPIClient, "request", _request),
        (base.SyncAPIClient, "_send_request", _send),
        (base.BaseClient, "_calculate_retry_timeout", _wait_between),
        (base.AsyncAPIClient, "request", _request_async),
        (base.AsyncAPIClient, "_send_request", _send_async),
    ):
        original = getattr(owner, name, None)
        if original is None:
            continue  # of another version; the canary tells whether it matters
        wrapper = functools.wraps(original)(make(original))
        cast("Any", wrapper).__forkpoint__ = True
        setattr(owner, name, wrapper)


def canary() -> bool:
    """Whether one request through an in-memory transport leaves one model step."""
    import openai

    if openai.__version__ not in _canaries:
        _canaries[openai.__version__] = kinds_seen(_ask_nobody) == [Kind.MODEL]
    return _canaries[openai.__version__]


def _ask_nobody() -> None:
    import openai

    http = sys.modules.get("httpx2") or sys.modules["httpx"]
    answer: dict[str, object] = {
        "id": "c",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [],
    }

    def respond(_request: object) -> object:
        return http.Response(200, json=answer)

    transport = http.MockTransport(respond)
    with http.Client(transport=transport) as nobody:
        client = openai.OpenAI(
            api_key="canary", base_url="http://canary.invalid", http_client=nobody, max_retries=0
        )
        client.chat.completions.create(model="m", messages=[])


def _request(original: Any) -> Any:
    def request(self: Any, cast_to: Any, options: Any, **how: Any) -> Any:
        exchange = _opened(options)
        if exchange is None:
            return original(self, cast_to, options, **how)
        options = _edited(exchange, options)
        if exchange.waits_at_once:
            exchange.call.take_turn()
        exchange.raise_served()
        tokens = current.set(exchange.call), current_exchange.set(exchange)
        try:
            result = original(self, cast_to, options, **how)
        except BaseException as error:
            exchange.raised(error)
            raise
        finally:
            current_exchange.reset(tokens[1])
            current.reset(tokens[0])
        return _kept(exchange, result)

    return request


def _request_async(original: Any) -> Any:
    async def request(self: Any, cast_to: Any, options: Any, **how: Any) -> Any:
        follow_loop()
        exchange = _opened(options)
        if exchange is None:
            return await original(self, cast_to, options, **how)
        options = _edited(exchange, options)
        await _wait_if_cancelled(exchange)
        if exchange.waits_at_once:
            await exchange.call.take_turn_async()
        exchange.raise_served()
        tokens = current.set(exchange.call), current_exchange.set(exchange)
        try:
            result = await original(self, cast_to, options, **how)
        except BaseException as error:
            exchange.raised(error)
            raise
        finally:
            current_exchange.reset(tokens[1])
            current.reset(tokens[0])
        return _kept(exchange, result)

    return request


def _send(original: Any) -> Any:
    def send(self: Any, request: Any, *, stream: bool, **how: Any) -> Any:
        exchange = current_exchange.get()
        if exchange is None:
            return original(self, request, stream=stream, **how)
        if exchange.served is not None:
            return exchange.keep(exchange.try_again(request))
        try:
            response = original(self, request, stream=stream, **how)
        except BaseException as error:
            exchange.failed_attempt(error)
            raise
        exchange.answered_attempt(response, stream=stream)
        return exchange.keep(response)

    return send


def _wait_between(original: Any) -> Any:
    """Seconds between two tries: none where they are recorded ones."""

    def calculate(self: Any, *args: Any, **kwargs: Any) -> float:
        exchange = current_exchange.get()
        if exchange is not None and exchange.served is not None:
            return 0.0
        return original(self, *args, **kwargs)

    return calculate


def _send_async(original: Any) -> Any:
    async def send(self: Any, request: Any, *, stream: bool, **how: Any) -> Any:
        exchange = current_exchange.get()
        if exchange is None:
            return await original(self, request, stream=stream, **how)
        if exchange.served is not None:
            return exchange.keep(exchange.try_again(request))
        try:
            response = await original(self, request, stream=stream, **how)
        except BaseException as error:
            exchange.failed_attempt(error)
            raise
        exchange.answered_attempt(response, stream=stream)
        return exchange.keep(response)

    return send


def _opened(options: Any) -> Exchange | None:
    """Begin a recorded call for this request; None where it goes on unrecorded."""
    frame: Frame | None = current.get()
    if frame is None or frame.run.over:
        process.outside()
        return None
    body = _body_of(options)
    projection = project(str(options.method), str(options.url))
    model = body.get("model")
    call = begin(
        frame,
        projection.target,
        projection.parts(body),
        site=_site(),
        model=model if isinstance(model, str) else None,
    )
    if call is None:
        return None
    answers = Answers(
        merge=projection.merge,
        numbers_of=lambda output, attempts: numbers_of(output, attempts=attempts),
        as_events=as_events,
    )
    return Exchange(call, answers, streams=body.get("stream") is True)


def _body_of(options: Any) -> dict[str, object]:
    body: dict[str, object] = {}
    for given in (options.json_data, options.extra_json):
        if isinstance(given, Mapping):
            body |= cast("Mapping[str, object]", given)
    return body


def _edited(exchange: Exchange, options: Any) -> Any:
    """The request to make: the caller's, unless the replay edits its input."""
    changed = exchange.call.edited
    if not changed or exchange.served is not None:
        return options
    body = put_back(_body_of(options), changed, codec=exchange.call.target.codec)
    return options.model_copy(update={"json_data": body, "extra_json": None})


def _kept(exchange: Exchange, result: Any) -> Any:
    """Follow the chunks of a stream object; anything else is over now."""
    iterator = getattr(result, "_iterator", None)
    if isinstance(iterator, Generator):
        result._iterator = exchange.counted(cast("Generator[object, None, None]", iterator))
    elif isinstance(iterator, AsyncGenerator):
        stream = cast("AsyncGenerator[object, None]", iterator)
        result._iterator = exchange.counted_async(stream)
    else:
        exchange.returned()
    return result


async def _wait_if_cancelled(exchange: Exchange) -> None:
    """A request that was cancelled when recorded waits until it is cancelled again."""
    outcome = exchange.served
    if outcome is None or outcome.status != "cancelled" or outcome.chunks is not None:
        return
    try:
        await asyncio.get_running_loop().create_future()
    except BaseException as error:
        exchange.call.fail(error)
        raise


def _site() -> str | None:
    """`module:qualified.name` of the code that uses the library."""
    frame = sys._getframe(3)  # pyright: ignore[reportPrivateUsage]
    for _ in range(_DEEPEST):
        module = str(frame.f_globals.get("__name__", "?"))
        if module.partition(".")[0] not in _INSIDE:
            return f"{module}:{frame.f_code.co_qualname}"[:512]
        if frame.f_back is None:
            break
        frame = frame.f_back
    return None
