"""Model providers an operator has configured: which model goes where, how it is asked, with whose
key. There is none by default; a recording never brings a key, a policy never an address.
"""

from __future__ import annotations

import fnmatch
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, cast
from urllib.parse import urlsplit

import msgspec
import orjson
from forkpoint.errors import ReplayError
from forkpoint.replay.fresh import Ask, Reply
from forkpoint.replay.partschat import Untellable, chat_body, parts_of_reply
from forkpoint.replay.simulate import http_failure
from forkpoint_server.settings import SettingsError

from forkpoint_worker.egress import Answer, EgressFailed, EgressRefused, post

VARIABLE = "FORKPOINT_MODEL_PROVIDERS"
ANTHROPIC_VERSION = "2023-06-01"
MOST_TOKENS = 1024
"""What Anthropic is asked for when the recording says nothing."""
_DERIVED = "otlp"
"""Codec of runs that traces say no request of: they are asked again as chat completions."""
_PATHS = {
    "openai.chat": "chat/completions",
    "openai.responses": "responses",
    f"{_DERIVED}.": "chat/completions",
}
Fields = Mapping[str, object]


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """USD for a million tokens, which is micro-USD for one."""

    input: float
    output: float

    def of(self, tokens_in: int | None, tokens_out: int | None) -> int | None:
        """Micro-USD of a call; None where the provider did not count its tokens."""
        if tokens_in is None or tokens_out is None:
            return None
        return round(tokens_in * self.input + tokens_out * self.output)


class _Configured(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of the setting."""

    kind: Literal["openai", "anthropic"]
    url: str
    models: tuple[str, ...] = ("*",)
    key_env: str | None = None
    private: bool = False
    usd_per_million: Price | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One endpoint. `private`: it may stand in a private network, or speak plain HTTP there."""

    name: str
    kind: Literal["openai", "anthropic"]
    url: str
    models: Sequence[str]
    key: str | None
    private: bool
    price: Price | None = None

    @property
    def host(self) -> str:
        """The host that a policy has to allow."""
        return urlsplit(self.url).hostname or ""

    def serves(self, kind: str, model: str) -> bool:
        """Whether this model of this kind of API is asked here."""
        return kind == self.kind and any(fnmatch.fnmatch(model, glob) for glob in self.models)


def read_providers(environment: Mapping[str, str]) -> tuple[Provider, ...]:
    """The providers of FORKPOINT_MODEL_PROVIDERS, in order; raises `SettingsError`."""
    text = environment.get(VARIABLE)
    if not text:
        return ()
    try:
        entries = msgspec.json.decode(text, type=dict[str, _Configured])
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise SettingsError(f"{VARIABLE}: {error}") from None
    return tuple(_provider(name, entry, environment) for name, entry in entries.items())


async def ask_model(providers: Sequence[Provider], hosts: Sequence[str], asked: Ask) -> Reply:
    """Ask the provider of a model. `hosts` are those the policy allows.

    Raises `ReplayError` `live_refused` before anything is sent, `provider_error` after.
    """
    kind, _, api = (asked.codec or "").partition("/")[0].partition(".")
    model = _model_of(asked)
    speaks = "openai" if kind == _DERIVED else kind
    provider = next((each for each in providers if each.serves(speaks, model)), None)
    if provider is None:
        raise _refused(asked, f"no provider for {model} is configured here")
    if not any(_allows(host, provider.url) for host in hosts):
        raise _refused(asked, f"the policy does not allow the host {provider.host}")
    began = time.monotonic_ns()
    try:
        answer = await post(
            f"{provider.url.rstrip('/')}/{_path(kind, api, asked)}",
            orjson.dumps(_body(kind, api, asked, model)),
            _headers(provider),
            private=provider.private,
        )
    except EgressRefused as error:
        raise _refused(asked, str(error)) from None
    except EgressFailed as error:
        raise ReplayError(
            f"provider {provider.name}: {error}", code="provider_error", key=asked.key
        ) from None
    reply = _reply(answer, asked, elapsed_ns=time.monotonic_ns() - began)
    if provider.price is None:
        return reply
    return replace(reply, cost_micro_usd=provider.price.of(reply.tokens_in, reply.tokens_out))


def _provider(name: str, entry: _Configured, environment: Mapping[str, str]) -> Provider:
    parts = urlsplit(entry.url)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise SettingsError(f"{VARIABLE}: {name}: `url` is no address")
    price = entry.usd_per_million
    if price is not None and min(price.input, price.output) < 0:
        raise SettingsError(f"{VARIABLE}: {name}: a price cannot be negative")
    if parts.scheme == "http" and not entry.private:
        raise SettingsError(f"{VARIABLE}: {name}: plain http is for `private` endpoints only")
    key = None
    if entry.key_env is not None:
        key = environment.get(entry.key_env)
        if not key:
            raise SettingsError(f"{VARIABLE}: {name}: {entry.key_env} is not set")
    return Provider(
        name=name,
        kind=entry.kind,
        url=entry.url,
        models=entry.models,
        key=key,
        private=entry.private,
        price=entry.usd_per_million,
    )


def _allows(host: str, url: str) -> bool:
    """Whether an entry of `allow_live.hosts` means this address: a name, with or without port."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    given = host.lower().removeprefix("https://").removeprefix("http://").rstrip("/")
    return given in (parts.hostname, f"{parts.hostname}:{port}")


def _model_of(asked: Ask) -> str:
    model = asked.parts.get("model")
    named = cast("Fields", model).get("id") if isinstance(model, dict) else model
    if not isinstance(named, str):
        raise _refused(asked, "the step does not name its model")
    return named


def _path(kind: str, api: str, asked: Ask) -> str:
    if kind == "anthropic":
        return "messages"
    path = _PATHS.get(f"{kind}.{api}")
    if path is None:
        raise _refused(asked, f"steps of codec {asked.codec} cannot be asked again here")
    return path


def _body(kind: str, api: str, asked: Ask, model: str) -> dict[str, object]:
    """The request of the recorded parts, as their projection took it apart."""
    parts = asked.parts
    if kind == _DERIVED:
        try:
            return {**chat_body(parts), "model": model, "stream": False}
        except Untellable as untold:
            raise _refused(asked, f"the turns hold what cannot be told again: {untold}") from None
    params = cast("Fields", parts.get("params") or {})
    form = cast("Fields", parts.get("format") or {})
    body: dict[str, object] = {**params, **form, "model": model, "stream": False}
    if parts.get("tools"):
        body["tools"] = parts["tools"]
    messages = cast("Sequence[object]", parts.get("messages") or [])
    if api == "responses":
        named = {"input": messages, "instructions": parts.get("system")}
        return {**body, **{name: value for name, value in named.items() if value is not None}}
    if kind == "anthropic":
        system = {"system": parts["system"]} if parts.get("system") else {}
        return {"max_tokens": MOST_TOKENS, **body, **system, "messages": messages}
    return {**body, "messages": [*cast("Sequence[object]", parts.get("system") or []), *messages]}


def _headers(provider: Provider) -> dict[str, str]:
    if provider.key is None:
        return {}
    if provider.kind == "anthropic":
        return {"x-api-key": provider.key, "anthropic-version": ANTHROPIC_VERSION}
    return {"authorization": f"Bearer {provider.key}"}


def _reply(answer: Answer, asked: Ask, *, elapsed_ns: int) -> Reply:
    if not 200 <= answer.status < 300:
        error = http_failure(answer.status, asked.codec)
        return Reply(error=error, elapsed_ns=elapsed_ns)
    try:
        output = cast("object", orjson.loads(answer.body))
    except orjson.JSONDecodeError:
        raise ReplayError(
            "the provider's answer is no JSON", code="provider_error", key=asked.key
        ) from None
    fields: Fields = cast("Fields", output) if isinstance(output, dict) else {}
    usage = cast("Fields", fields.get("usage") or {})
    derived = (asked.codec or "").startswith(_DERIVED)
    told: object = parts_of_reply(fields) if derived else cast("object", output)
    if told is None:
        raise ReplayError(
            "the provider's answer is no completion", code="provider_error", key=asked.key
        )
    return Reply(
        output=told,
        model=_text(fields.get("model")),
        finish_reason=_reason(fields),
        tokens_in=_count(usage, "prompt_tokens", "input_tokens"),
        tokens_out=_count(usage, "completion_tokens", "output_tokens"),
        elapsed_ns=elapsed_ns,
    )


def _reason(fields: Fields) -> str | None:
    choices = fields.get("choices")
    first = cast("list[object]", choices)[0] if isinstance(choices, list) and choices else None
    if isinstance(first, dict):
        return _text(cast("Fields", first).get("finish_reason"))
    return _text(fields.get("stop_reason")) or _text(fields.get("status"))


def _count(usage: Fields, *names: str) -> int | None:
    found = (usage.get(name) for name in names)
    return next((value for value in found if isinstance(value, int)), None)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _refused(asked: Ask, why: str) -> ReplayError:
    return ReplayError(why, code="live_refused", key=asked.key)
