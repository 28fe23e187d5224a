"""Budgets of live calls: what a call costs, and when no more may be made."""

from __future__ import annotations

import dataclasses

import pytest
from conversations import Talk
from forkpoint.events.kinds import Kind
from forkpoint.replay.fresh import Reply
from forkpoint.replay.policy import Budgets
from forkpoint.replay.recording import Recording
from forkpoint.replay.spend import Charges, Purse
from msgspec.structs import replace

GRANTED = Budgets(calls=9, tokens=1_000, cost_usd=0.01, wall_s=60)


def paid(*costs: int) -> Recording:
    """A recording whose model steps cost that much, for 100 tokens each."""
    recording = Talk(turns=len(costs)).recording()
    ended = list(recording.ended)
    models = [place for place, (kind, _) in enumerate(recording.types) if kind is Kind.MODEL]
    for place, cost in zip(models, costs, strict=True):
        end = ended[place]
        assert end is not None
        ended[place] = replace(end, model="m", tokens_in=80, tokens_out=20, cost_micro_usd=cost)
    return dataclasses.replace(recording, ended=ended)


def test_a_call_is_charged_what_its_provider_says():
    reply = Reply(model="m", tokens_in=7, tokens_out=3, cost_micro_usd=50)

    assert Charges(paid(300, 100)).of(reply) == (10, 50)


def test_else_it_is_charged_what_the_recording_paid_for_a_token_of_that_model():
    reply = Reply(model="m", tokens_in=7, tokens_out=3)

    assert Charges(paid(300, 100)).of(reply) == (10, 20)


def test_a_model_of_no_known_price_is_bounded_by_its_tokens():
    assert Charges(paid(300)).of(Reply(model="other", tokens_in=7, tokens_out=3)) == (10, 0)


@pytest.mark.parametrize(
    ("tokens", "cost", "code"),
    [(999, 9_999, None), (1_000, 0, "budget_tokens"), (0, 10_000, "budget_cost_usd")],
)
def test_a_budget_that_is_used_up_forbids_the_next_call(tokens: int, cost: int, code: str | None):
    purse = Purse(GRANTED, lambda: 0)
    purse.begin()
    purse.spend(tokens=tokens, cost_micro_usd=cost)

    assert purse.exhausted(Kind.MODEL) == code


def test_time_is_a_budget_too():
    clock = iter([0, 59_000_000_000, 60_000_000_000])
    purse = Purse(GRANTED, lambda: next(clock))

    assert [purse.exhausted(Kind.MODEL), purse.exhausted(Kind.MODEL)] == [None, "budget_wall_s"]
