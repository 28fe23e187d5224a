"""The policy format, and what its rules do to calls."""

from __future__ import annotations

import pytest
from forkpoint.errors import ReplayError
from forkpoint.events.kinds import Effect, Kind, Mode, Verdict
from forkpoint.replay.interception import Diverged, Live, Served
from forkpoint.replay.policy import Policy, read_policy
from forkpoint.replay.rules import CallFacts, Rules
from unit.replay.tapes import HOUR, Player, Tape

FORMAT = "forkpoint.policy/1"
STRICT = {"policy": FORMAT, "default": {"mode": "exact"}, "nondeterminism": "strict"}
FORK = {
    "policy": FORMAT,
    "default": {"mode": "cached"},
    "rules": [
        {
            "match": {"kind": "tool", "name": "search_*"},
            "on_miss": ["simulated"],
            "simulate": {"template": {"query": {"$from": "/args/query"}, "hits": []}},
        }
    ],
}
MODEL = {
    "policy": FORMAT,
    "default": {"mode": "cached"},
    "allow_live": {"hosts": ["api.example.com"]},
    "budgets": {"calls": 40, "tokens": 200000, "cost_usd": 2.50, "wall_s": 300},
    "rules": [
        {"match": {"kind": "model", "after_cut": True}, "mode": "live"},
        {
            "match": {"kind": "tool", "effect": ["write", "unknown"]},
            "mode": "simulated",
            "simulate": {"static": {"ok": True}},
        },
        {
            "match": {"kind": "tool", "effect": ["pure", "read"]},
            "mode": "cached",
            "scope": "project",
            "ttl": "7d",
            "on_miss": ["error_result"],
        },
    ],
}
LIVE_BUDGET = {"calls": 2, "tokens": 10, "cost_usd": 1, "wall_s": 60}


def facts(
    kind: Kind, name: str = "x", effect: Effect | None = None, *, after_cut: bool = False
) -> CallFacts:
    return CallFacts(
        kind=kind, name=name, site=None, strand="r", key="r#0", effect=effect, after_cut=after_cut
    )


@pytest.mark.parametrize(
    ("policy", "call", "mode", "rule"),
    [
        (STRICT, facts(Kind.MODEL), Mode.EXACT, None),
        (STRICT, facts(Kind.TOOL, effect=Effect.WRITE), Mode.EXACT, None),
        (STRICT, facts(Kind.RETRIEVER), Mode.EXACT, None),
        (FORK, facts(Kind.TOOL, "search_web"), Mode.CACHED, 0),
        (FORK, facts(Kind.TOOL, "save"), Mode.CACHED, None),
        (FORK, facts(Kind.MODEL, "search_web"), Mode.CACHED, None),
        (MODEL, facts(Kind.MODEL, after_cut=True), Mode.LIVE, 0),
        (MODEL, facts(Kind.MODEL), Mode.CACHED, None),
        (MODEL, facts(Kind.TOOL, effect=Effect.WRITE), Mode.SIMULATED, 1),
        (MODEL, facts(Kind.TOOL), Mode.SIMULATED, 1),
        (MODEL, facts(Kind.TOOL, effect=Effect.READ, after_cut=True), Mode.CACHED, 2),
        (MODEL, facts(Kind.PLANNER), Mode.CACHED, None),
    ],
)
def test_the_example_policies_resolve_as_listed(
    policy: object, call: CallFacts, mode: Mode, rule: int | None
):
    treatment = Rules(read_policy(policy)).resolve(call)

    assert (treatment.mode, treatment.rule) == (mode, rule)


@pytest.mark.parametrize("policy", [STRICT, FORK, MODEL])
def test_a_policy_is_the_same_after_a_round_trip(policy: object):
    read = read_policy(policy)

    assert isinstance(read, Policy)
    assert read_policy(read.to_json()) == read


@pytest.mark.parametrize(
    "policy",
    [
        [],
        {},
        {"policy": "forkpoint.policy/2"},
        {"policy": FORMAT, "unknown": 1},
        {"policy": FORMAT, "rules": [{"match": {"knd": "tool"}}]},
        {"policy": FORMAT, "rules": [{"mode": "recorded"}]},
        {"policy": FORMAT, "rules": [{}] * 501},
        {"policy": FORMAT, "default": {"simulate": {"static": "x" * (1 << 20)}}},
        {"policy": FORMAT, "default": {"mode": "simulated"}},
        {"policy": FORMAT, "default": {"simulate": {}}},
        {"policy": FORMAT, "default": {"simulate": {"static": 1, "template": 2}}},
        {"policy": FORMAT, "default": {"ttl": "a week"}},
        {"policy": FORMAT, "default": {"on_miss": []}},
        {"policy": FORMAT, "budgets": {"calls": -1}},
        {"policy": FORMAT, "normalise": [{"part": "args", "pointer": "id", "as": "uuid"}]},
    ],
)
def test_a_policy_that_says_what_it_may_not_is_refused(policy: object):
    with pytest.raises(ReplayError) as raised:
        read_policy(policy)

    assert raised.value.code == "policy_invalid"


def test_a_policy_nested_too_deep_is_refused():
    value: object = 1
    for _ in range(70):
        value = [value]

    with pytest.raises(ReplayError, match="nested deeper"):
        read_policy({"policy": FORMAT, "default": {"simulate": {"static": value}}})


def test_a_template_takes_values_from_the_call():
    tape = Tape()
    tape.tool("search_web", "a", 1)
    player = Player(tape.recording(), kind="fork", policy=FORK)

    made = player.served(Kind.TOOL, "search_web", {"args": {"query": "new"}}).output

    assert made == {"query": "new", "hits": []}
    assert player.finish()["verdict"] == Verdict.FORKED


def test_the_first_case_that_fits_is_served_and_taints_what_follows():
    cases = [
        {"when": {"/args/q": "x"}, "value": "for x"},
        {"when": {}, "value": "for others"},
    ]
    tape = Tape()
    tape.tool("search", "a", 1)
    rule = {"match": {"name": "ask"}, "mode": "simulated", "simulate": {"cases": cases}}
    player = Player(tape.recording(), policy={"rules": [rule]})

    answers = [player.tool("ask", "x"), player.tool("ask", "y"), player.tool("search", "a")]

    assert answers == ["for x", "for others", 1]
    assert player.infos[-1].taint == ("simulated",)


def test_equal_calls_use_a_cached_answer_once_unless_the_rule_says_any():
    def answers(reuse: str) -> list[object]:
        tape = Tape()
        tape.tool("sample", "a", 1)
        policy = {"default": {"mode": "cached", "reuse": reuse, "on_miss": ["error_result"]}}
        player = Player(tape.recording(), kind="fork", policy=policy)
        calls = [player.served(Kind.TOOL, "sample", {"args": {"q": "a"}}) for _ in range(2)]
        return [outcome.output for outcome in calls]

    assert answers("once") == [1, None]
    assert answers("any") == [1, 1]


def test_a_cached_answer_older_than_its_ttl_is_not_lent():
    tape = Tape()
    tape.tool("sample", "a", 1, scope="r/0.other.0")
    policy = {"default": {"mode": "cached", "ttl": "30m"}}
    old = Player(tape.recording(), kind="fork", policy=policy, now=HOUR)
    young = Player(tape.recording(), kind="fork", policy=policy, now=HOUR // 4)

    assert young.tool("sample", "a") == 1
    with pytest.raises(Diverged):
        old.tool("sample", "a")


def live(policy: dict[str, object], *, effect: Effect, grants: tuple[str, ...] = ()) -> str:
    """What comes of a live call to the tool `act`, on a recording that never made one."""
    tape = Tape()
    tape.tool("search", "a", 1)
    rule = {"match": {"name": "act"}, "mode": "live"}
    player = Player(
        tape.recording(), kind="fork", policy={**policy, "rules": [rule]}, grants=grants
    )
    try:
        answer = player.begin(Kind.TOOL, "act", {"args": 1}, effect=effect)
    except Diverged as stop:
        return stop.reason
    return "live" if isinstance(answer, Live) else "served"


HOSTS = {"allow_live": {"hosts": ["h"]}, "budgets": LIVE_BUDGET}
NAMED = {**HOSTS, "allow_effects": ["act"]}


@pytest.mark.parametrize(
    ("policy", "effect", "grants", "expected"),
    [
        ({}, Effect.PURE, (), "budget_calls"),
        ({"budgets": {"calls": 1}}, Effect.PURE, (), "budget_wall_s"),
        ({"budgets": LIVE_BUDGET}, Effect.PURE, (), "live"),
        ({"budgets": LIVE_BUDGET}, Effect.READ, (), "live_refused"),
        (HOSTS, Effect.READ, (), "live"),
        (HOSTS, Effect.IDEMPOTENT_WRITE, (), "effect_refused"),
        (NAMED, Effect.IDEMPOTENT_WRITE, (), "live"),
        (NAMED, Effect.WRITE, (), "effect_refused"),
        (NAMED, Effect.WRITE, ("replay:effects",), "live"),
        (NAMED, Effect.UNKNOWN, ("replay:effects",), "live"),
    ],
)
def test_a_live_call_needs_what_its_effect_asks_for(
    policy: dict[str, object], effect: Effect, grants: tuple[str, ...], expected: str
):
    assert live(policy, effect=effect, grants=grants) == expected


def test_a_write_of_undeclared_intent_is_made_once():
    tape = Tape()
    tape.tool("search", "a", 1)
    rule = {"match": {"name": "act"}, "mode": "live"}
    policy = {**NAMED, "rules": [rule]}
    player = Player(tape.recording(), kind="fork", policy=policy, grants=["replay:effects"])
    first = player.begin(Kind.TOOL, "act", {"args": 1}, effect=Effect.WRITE)

    with pytest.raises(Diverged) as raised:
        player.begin(Kind.TOOL, "act", {"args": 2}, effect=Effect.WRITE)

    assert isinstance(first, Live)
    assert raised.value.reason == "intent_refused"


def refund(reference: str, *, customer: int = 7, intent: tuple[str, ...]) -> str:
    """What comes of a live refund, on a recording that made one with the reference `first`."""
    tape = Tape()
    tape.call(Kind.TOOL, "act", {"args": {"customer": 7, "reference": "first"}}, "refunded")
    policy = {**NAMED, "rules": [{"match": {"name": "act"}, "mode": "live"}]}
    player = Player(tape.recording(), kind="fork", policy=policy, grants=["replay:effects"])
    inputs = {"args": {"customer": customer, "reference": reference}}
    view = player.view(Kind.TOOL, "act", inputs, effect=Effect.WRITE, intent=intent)
    try:
        answer = player.session.begin(view)
    except Diverged as stop:
        return stop.reason
    return str(answer.replay.match) if isinstance(answer, Served) else "live"


def test_a_reworded_refund_is_served_by_its_intent_and_not_made_again():
    assert refund("other words", intent=("customer",)) == "intent"
    assert refund("first", customer=8, intent=("customer",)) == "live"
    assert refund("other words", intent=()) == "intent_refused"


def test_budgets_count_what_live_model_calls_report():
    tape = Tape()
    tape.tool("search", "a", 1)
    policy = {**HOSTS, "rules": [{"match": {"kind": "model"}, "mode": "live"}]}
    player = Player(tape.recording(), kind="fork", policy=policy)
    view = player.view(Kind.MODEL, "chat", {"messages": []})
    player.session.begin(view)
    player.session.spend(view, tokens=10, cost_micro_usd=5)

    with pytest.raises(Diverged) as raised:
        player.begin(Kind.MODEL, "chat", {"messages": [1]})

    assert raised.value.reason == "budget_tokens"


def test_a_rule_may_hold_a_smaller_budget_than_the_policy():
    tape = Tape()
    tape.tool("search", "a", 1)
    rule = {"match": {"kind": "planner"}, "mode": "live", "budgets": {"calls": 1, "wall_s": 9}}
    player = Player(tape.recording(), kind="fork", policy={**HOSTS, "rules": [rule]})
    player.begin(Kind.PLANNER, "plan", {"goal": 1})

    with pytest.raises(Diverged) as raised:
        player.begin(Kind.PLANNER, "plan", {"goal": 2})

    assert raised.value.reason == "budget_calls"


def test_a_fault_fails_the_call_at_once():
    tape = Tape()
    tape.tool("search", "a", 1)
    rule = {"mode": "simulated", "simulate": {"fault": {"timeout_s": 30}}}
    player = Player(tape.recording(), policy={"rules": [rule]})

    answer = player.begin(Kind.TOOL, "search", {"args": {"q": "a"}})

    assert isinstance(answer, Served)
    assert answer.outcome.error is not None
    assert answer.outcome.error["class"] == "TimeoutError"
