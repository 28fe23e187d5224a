"""One recorded HTTP exchange of a client library: its attempts, its answer, its stream.

The library builds requests and parses answers itself. What is served goes in as a response it did
not have to ask for, so objects, errors and streams are the library's own.
"""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncGenerator, Generator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, cast

from forkpoint.capture.calls import Call
from forkpoint.capture.endings import Ending, failed
from forkpoint.capture.failures import class_name, rebuild
from forkpoint.capture.items import Streamed
from forkpoint.capture.snapshots import taken
from forkpoint.capture.streams import layout_of
from forkpoint.content.snapshot import snapshot
from forkpoint.integrations import sse
from forkpoint.integrations.answers import Answers, timed_events
from forkpoint.integrations.assembled import assemble
from forkpoint.integrations.assembled import rebuild as rebuild_events
from forkpoint.replay.interception import Outcome

current_exchange: ContextVar[Exchange | None] = ContextVar("forkpoint_exchange", default=None)
_ERROR_STATUS = 400


@dataclass(slots=True)
class Tape:
    """The bytes of a streamed answer as they came."""

    headers: Mapping[str, str]
    pieces: list[bytes] = field(default_factory=list[bytes])
    times: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    """End offset and ms since the call began, of each piece."""
    size: int = 0

    def add(self, piece: bytes, ms: int) -> None:
        """A piece came in."""
        self.pieces.append(piece)
        self.size += len(piece)
        self.times.append((self.size, ms))


class Exchange:
    """A call of a client library from its request to the last byte of its answer."""

    def __init__(self, call: Call, answers: Answers, *, streams: bool) -> None:
        self.call = call
        self._streams = streams
        self.answers = answers
        self.attempts = 0
        self._failures = 0
        self._tape: Tape | None = None
        self._response: Any = None
        self._handed = 0
        self._counting = False
        self._advancing = False

    @property
    def served(self) -> Outcome | None:
        """The recorded outcome, if the call is answered from a recording."""
        return self.call.served

    @property
    def waits_at_once(self) -> bool:
        """Whether a served answer takes its turn before it is handed over; a stream, at its end."""
        return self.served is not None and not self._streams

    def raise_served(self) -> None:
        """Raise a recorded error that was no HTTP answer."""
        outcome = self.served
        if outcome is None or outcome.error is None or outcome.chunks is not None:
            return
        if outcome.attempts:
            return  # the library comes to it by itself, try by try
        if not isinstance(outcome.error.get("response"), Mapping):
            self.call.repeat(outcome)
            raise rebuild(outcome.error)

    def try_again(self, request: Any) -> Any:
        """What the next recorded try came to: a refusal, an error, at last the answer."""
        tries = () if self.served is None else self.served.attempts
        number = min(self.attempts, len(tries) - 1)
        if number < 0:
            return self.answer(request)
        one, last = tries[number], number == len(tries) - 1
        if self.attempts < len(tries):
            self.attempts += 1
            self.call.attempted(
                self.attempts, error_class=one.error_class, http_status=one.http_status
            )
        if one.error_class is not None:
            module, _, name = one.error_class.rpartition(".")
            raise rebuild({"module": module or "builtins", "class": name, "message": ""})
        if last or (one.http_status or 0) < _ERROR_STATUS:
            return self.answer(request)
        library = sys.modules[type(request).__module__.partition(".")[0]]
        return library.Response(
            one.http_status, headers={"x-should-retry": "true"}, request=request
        )

    def answer(self, request: Any) -> Any:
        """A response made of the recorded outcome, of the library the request belongs to."""
        outcome = self.served
        module = sys.modules[type(request).__module__.partition(".")[0]]
        if outcome is None:
            raise RuntimeError("the call was not served")
        error = outcome.error or {}
        given = error.get("response")
        if isinstance(given, Mapping):
            refused = cast("Mapping[str, Any]", given)
            headers = {"content-type": refused["content_type"], "x-should-retry": "false"}
            body = str(refused["text"]).encode()
            status = int(refused["status"])
            return module.Response(status, headers=headers, content=body, request=request)
        headers, body = self._body(outcome)
        return module.Response(200, headers=headers, content=body, request=request)

    def failed_attempt(self, error: BaseException) -> None:
        """A try came to no answer at all."""
        self.attempts += 1
        self._failures += 1
        self.call.attempted(self.attempts, error_class=class_name(error))

    def answered_attempt(self, response: Any, *, stream: bool) -> None:
        """A try came to an answer; its bytes are taped if they are still to come."""
        self.attempts += 1
        status = int(response.status_code)
        refused = status >= _ERROR_STATUS
        if refused or self._failures:
            self.call.attempted(self.attempts, http_status=status)
        self._failures += refused
        if stream and not refused:
            self._tape = Tape(dict(response.headers))
            if hasattr(response, "_content"):  # read already, as in-memory transports do
                self.took(bytes(response.content))
            else:
                response.stream = _tee(response, self)

    def keep(self, response: Any) -> Any:
        """Remember the answer the library goes on with."""
        self._response = response
        return response

    def returned(self) -> None:
        """The library gave its caller something that is no stream object."""
        outcome, response = self.served, self._response
        if outcome is not None:
            self.call.repeat(outcome, streamed=self._repeated(outcome))
        elif self._tape is None and response is not None:
            body, attempts = bytes(response.content), self.attempts
            kind = str(response.headers.get("content-type", ""))
            self.call.end_later(
                lambda: self.answers.whole(body, kind, attempts=attempts), size=len(body)
            )

    def raised(self, error: BaseException) -> None:
        """The library raised."""
        outcome = self.served
        if outcome is not None and self.attempts >= len(outcome.attempts):
            self.call.repeat(outcome)
            return
        response = getattr(error, "response", None)
        also: dict[str, object] = {}
        if response is not None and hasattr(response, "status_code"):
            also["response"] = {
                "status": response.status_code,
                "content_type": str(response.headers.get("content-type", "")),
                "text": _text_of(response),
            }
        numbers = self.answers.numbers(None, attempts=max(1, self.attempts))
        self.call.fail(error, also=also, numbers=numbers)

    def took(self, piece: bytes) -> None:
        """The library took a piece of a streamed answer."""
        if self._tape is not None:
            self._tape.add(piece, self.call.offset_ms())

    def closed(self) -> None:
        """The library closed a streamed answer: early, unless it is about to tell us its end."""
        if not self._advancing:
            self._stream_over("closed" if self._counting else "done", None)

    def counted(self, stream: Generator[object, None, None]) -> Generator[object, None, None]:
        """A stream's chunks, counted as the caller takes them."""
        self._counting = True
        end, error = "closed", None
        try:
            while True:
                self._advancing = True
                try:
                    chunk = next(stream)
                except StopIteration:
                    end = "done"
                    break
                finally:
                    self._advancing = False
                if not self._handed:
                    self.call.opening()
                self._hand_over()
                yield chunk
            self.call.take_turn()
            self._raise_at_end()
        except GeneratorExit:
            stream.close()
            raise
        except BaseException as broken:
            end, error = "broken", broken
            raise
        finally:
            self._stream_over(end, error)

    async def counted_async(
        self, stream: AsyncGenerator[object, None]
    ) -> AsyncGenerator[object, None]:
        """As `counted`, for asynchronous streams."""
        self._counting = True
        end, error = "closed", None
        try:
            while True:
                self._advancing = True
                try:
                    chunk = await anext(stream)
                except StopAsyncIteration:
                    end = "done"
                    break
                finally:
                    self._advancing = False
                if not self._handed:
                    await self.call.opening_async()
                self._hand_over()
                yield chunk
            await self.call.take_turn_async()
            self._raise_at_end()
        except GeneratorExit:
            await stream.aclose()
            raise
        except BaseException as broken:
            end, error = "broken", broken
            raise
        finally:
            self._stream_over(end, error)

    def _hand_over(self) -> None:
        if not self._handed:
            self.call.opened()
        self._handed += 1

    def _raise_at_end(self) -> None:
        outcome = self.served
        if outcome is not None and outcome.error is not None:
            raise rebuild(outcome.error)

    def _stream_over(self, end: str, error: BaseException | None) -> None:
        outcome = self.served
        if outcome is not None:
            self.call.repeat(outcome, streamed=self._repeated(outcome))
            return
        tape = self._tape
        if tape is None:
            return
        handed = self._handed if self._counting else None
        self.call.end_later(lambda: self._ending(tape, end, error, handed), size=tape.size)

    def _ending(
        self, tape: Tape, end: str, error: BaseException | None, handed: int | None
    ) -> Ending:
        """What a taped answer came to; runs in the background."""
        body = b"".join(tape.pieces)
        if not tape.headers.get("content-type", "").startswith("text/event-stream"):
            return self.answers.whole(
                body, tape.headers.get("content-type", ""), attempts=self.attempts
            )
        events = timed_events(body, tape.times)
        built = assemble(events, self.answers.merge, end=end)
        count = len(events) if handed is None else handed
        streamed = Streamed(count=count, layout=snapshot(built.layout))
        numbers = self.answers.numbers(built.output, attempts=self.attempts)
        output = taken(built.output)
        if error is not None:
            return failed(error, output=output, streamed=streamed, numbers=numbers)
        return Ending(output=output, streamed=streamed, numbers=numbers)

    def _body(self, outcome: Outcome) -> tuple[dict[str, str], bytes]:
        if self._streams:
            layout = layout_of(outcome)
            if layout is None:
                events = self.answers.as_events(outcome.output)
            else:
                events = rebuild_events(outcome.output, layout)
            return {"content-type": "text/event-stream"}, b"".join(sse.write(events))
        if isinstance(outcome.output, bytes):
            return {"content-type": "application/octet-stream"}, outcome.output
        if isinstance(outcome.output, str):
            return {"content-type": "text/plain"}, outcome.output.encode()
        return {"content-type": "application/json"}, json.dumps(outcome.output).encode()

    def _repeated(self, outcome: Outcome) -> Streamed | None:
        layout = layout_of(outcome)
        if layout is None:
            return None
        recorded = outcome.ended.chunks if outcome.ended else None
        count = self._handed if self._counting else recorded or 0
        return Streamed(count=count, layout=snapshot(layout))


def _tee(response: Any, exchange: Exchange) -> Any:
    """The stream of a response that tells an exchange what goes through it."""
    module = sys.modules[type(response).__module__.partition(".")[0]]
    inner = response.stream

    class Tee(module.SyncByteStream, module.AsyncByteStream):
        def __iter__(self) -> Generator[bytes, None, None]:
            for piece in inner:
                exchange.took(piece)
                yield piece

        async def __aiter__(self) -> AsyncGenerator[bytes, None]:
            async for piece in inner:
                exchange.took(piece)
                yield piece

        def close(self) -> None:
            inner.close()
            exchange.closed()

        async def aclose(self) -> None:
            await inner.aclose()
            exchange.closed()

    return Tee()


def _text_of(response: Any) -> str:
    try:
        return str(response.text)
    except Exception:  # an answer that was never read
        return ""
