"""Counts of a call: tokens, cost, why it ended. Missing is None, never 0."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from forkpoint_server.ingestion.otlp.mapping.attributes import Attributes
from forkpoint_server.ingestion.otlp.mapping.texts import mapping_of, parsed

_MICRO = 1_000_000
_IN = (
    "llm.token_count.prompt",
    "decision.token_count.input",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.prompt_tokens",
    "ai.usage.inputTokens",
    "ai.usage.promptTokens",
)
_OUT = (
    "llm.token_count.completion",
    "decision.token_count.output",
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.completion_tokens",
    "ai.usage.outputTokens",
    "ai.usage.completionTokens",
)
_TOTAL = (
    "llm.token_count.total",
    "gen_ai.usage.total_tokens",
    "ai.usage.totalTokens",
    "ai.usage.tokens",
    "llm.usage.total_tokens",
)
_CACHED = (
    "llm.token_count.prompt_details.cache_read",
    "llm.token_count.prompt_details.cache_input",
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_read_input_tokens",
    "ai.usage.inputTokenDetails.cacheReadTokens",
    "ai.usage.cachedInputTokens",
)
_WRITTEN = (
    "llm.token_count.prompt_details.cache_write",
    "gen_ai.usage.cache_write.input_tokens",
    "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.cache_creation_input_tokens",
    "ai.usage.inputTokenDetails.cacheWriteTokens",
)
_REASONING = (
    "llm.token_count.completion_details.reasoning",
    "gen_ai.usage.reasoning.output_tokens",
    "gen_ai.usage.reasoning_tokens",
    "ai.usage.outputTokenDetails.reasoningTokens",
    "ai.usage.reasoningTokens",
)
_FINISH = (
    "llm.finish_reason",
    "gen_ai.response.finish_reasons",
    "ai.response.finishReason",
    "gen_ai.response.status",
)
_COST = ("llm.cost.total", "gen_ai.usage.cost", "mlflow.llm.cost", "operation.cost")
_MODALITIES = {
    "audio_in": ("llm.token_count.prompt_details.audio", "gen_ai.usage.audio.input_tokens"),
    "audio_out": ("llm.token_count.completion_details.audio", "gen_ai.usage.audio.output_tokens"),
    **{
        f"{modality}_{short}": (f"gen_ai.usage.{modality}.{side}_tokens",)
        for modality in ("text", "image")
        for short, side in (("in", "input"), ("out", "output"))
    },
    **{
        f"{modality}_cached": (f"gen_ai.usage.{modality}.cache_read.input_tokens",)
        for modality in ("text", "image", "audio")
    },
}

_MODALITY_NAMES = frozenset(name for sources in _MODALITIES.values() for name in sources)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What a call used. Cached and reasoning tokens are parts of input and output."""

    tokens_in: int | None = None
    tokens_out: int | None = None
    cached: int | None = None
    cache_written: int | None = None
    reasoning: int | None = None
    modalities: Mapping[str, int] = field(default_factory=dict[str, int])
    """By kind of content: parts of input and output too."""
    cost_micro_usd: int | None = None
    finish_reason: str | None = None
    normalised: bool = False
    """The sender counted cached tokens beside the input; here they are part of it."""

    def details(self) -> dict[str, object]:
        """What has no column of its own."""
        shown = {
            "cached": self.cached,
            "cache_written": self.cache_written,
            "reasoning": self.reasoning,
            "modalities": dict(self.modalities) or None,
            "tokens_normalised": self.normalised or None,
        }
        return {name: value for name, value in shown.items() if value is not None}


def counts_of(attributes: Attributes, *, repeats: bool = False) -> Counts:
    """The counts of a span; `repeats`: it only fetches an answer that another span counted."""
    tokens_in, tokens_out = attributes.count(*_IN), attributes.count(*_OUT)
    total = attributes.count(*_TOTAL)
    usage = _usage(attributes)
    tokens_in = (
        _number(usage, "input", "prompt_tokens", "input_tokens")
        if (tokens_in is None)
        else tokens_in
    )
    tokens_out = (
        _number(usage, "output", "completion_tokens", "output_tokens")
        if (tokens_out is None)
        else tokens_out
    )
    if tokens_out is None and total is not None and tokens_in is not None:
        tokens_out = max(total - tokens_in, 0)
    elif tokens_in is None and total is not None:
        tokens_in = max(total - (tokens_out or 0), 0)
    cached = attributes.count(*_CACHED)
    normalised = cached is not None and tokens_in is not None and cached > tokens_in
    if normalised and cached is not None and tokens_in is not None:
        tokens_in += cached
    return Counts(
        tokens_in=None if repeats else tokens_in,
        tokens_out=None if repeats else tokens_out,
        cached=cached,
        cache_written=attributes.count(*_WRITTEN),
        reasoning=attributes.count(*_REASONING),
        modalities=_by_modality(attributes),
        cost_micro_usd=None if repeats else _cost(attributes),
        finish_reason=_finish(attributes),
        normalised=normalised,
    )


def _by_modality(attributes: Attributes) -> Mapping[str, int]:
    if not attributes.has_any(_MODALITY_NAMES):
        return {}
    return {
        name: count
        for name, sources in _MODALITIES.items()
        if (count := attributes.count(*sources)) is not None
    }


def _usage(attributes: Attributes) -> Mapping[str, object]:
    """Langfuse and MLflow write their counts as one JSON text."""
    return mapping_of(attributes.first("langfuse.observation.usage_details")) or mapping_of(
        attributes.first("mlflow.chat.tokenUsage")
    )


def _number(values: Mapping[str, object], *names: str) -> int | None:
    for name in names:
        value = values.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
    return None


def _cost(attributes: Attributes) -> int | None:
    """In micro-USD: the total, else the sum of input and output as far as sent."""
    whole = attributes.first(*_COST)
    if isinstance(whole, str):
        whole = mapping_of(whole).get("total_cost", mapping_of(whole).get("total"))
    if _is_money(whole):
        return round(cast("float", whole) * _MICRO)
    parts = [
        attributes.first("llm.cost.prompt", "gen_ai.usage.input_cost"),
        attributes.first("llm.cost.completion", "gen_ai.usage.output_cost"),
    ]
    known = [cast("float", part) for part in parts if _is_money(part)]
    if not known:
        details = mapping_of(attributes.first("langfuse.observation.cost_details"))
        total = details.get("total")
        given = [total] if _is_money(total) else list(details.values())
        known = [cast("float", part) for part in given if _is_money(part)]
    return round(sum(known) * _MICRO) if known else None


def _is_money(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e9


def _finish(attributes: Attributes) -> str | None:
    value, _ = parsed(attributes.first(*_FINISH))
    if isinstance(value, list):
        words = [each for each in cast("list[object]", value) if isinstance(each, str)]
        value = words[0] if words else None
    return value if isinstance(value, str) else None
