"""What has to be changed so that B has A's value at a root, by where the root stands."""

from __future__ import annotations

import pytest
from forkpoint.diff.columns import StepRow
from forkpoint.diff.counterfactual import (
    Came,
    Edit,
    ended_as_a,
    meets,
    renamed_of,
    renamed_rows,
    roots_of,
    same_answer,
    starts_of,
    values_needed,
)
from forkpoint.diff.report import Comparison, compare_runs
from unit.diff.planted import Values, call, run

LIMITS = {"limit": 120, "currency": "EUR", "reviewed": "by the second desk"}
ASKED = {"role": "user", "content": "may I spend a hundred and ten?"}


def compared(values: Values, *, removed: bool, again: int = 1) -> Comparison:
    """A looks up the limits and asks with them; B never looks them up, or the other way round."""

    def talk(with_limits: bool) -> list[object]:
        given = [{"role": "tool", "content": LIMITS}] if with_limits else []
        return [ASKED, *given]

    def steps(with_limits: bool) -> list[object]:
        looked = [call(values, "r#0", "limits", given="all", answer=LIMITS)] if with_limits else []
        at = len(looked)
        asked = [
            call(
                values,
                f"r#{at + turn}",
                "clerk",
                kind="model",
                given=[*talk(with_limits), {"role": "user", "content": f"turn {turn}"}],
                answer=f"{'yes' if with_limits else 'no'}, turn {turn}",
            )
            for turn in range(again)
        ]
        return [*looked, *asked]

    a, b = steps(removed), steps(not removed)
    left = run("a", a, output=values.root("A's end"))  # type: ignore[arg-type]
    right = run("b", b, output=values.root("B's end"))  # type: ignore[arg-type]
    return compare_runs(left, right, values.load)


def edits_of(values: Values, comparison: Comparison) -> dict[str, tuple[Edit, ...]]:
    return {root.name: root.edits for root in roots_of(comparison, values.load)}


def test_a_call_that_only_b_made_is_dropped():
    values = Values()
    comparison = compared(values, removed=False)

    assert edits_of(values, comparison) == {
        "limits": ({"kind": "drop", "key": "r#0", "value": True},)
    }


def test_what_a_call_gave_that_only_a_made_is_put_where_it_went():
    values = Values()
    comparison = compared(values, removed=True, again=2)
    put_back = {"part": "messages", "at": 1, "items": [{"role": "tool", "content": LIMITS}]}

    assert edits_of(values, comparison)["limits"] == (
        {"kind": "insert", "key": "r#0", "value": put_back},
        {"kind": "insert", "key": "r#1", "value": put_back},
    )


def test_a_removed_call_whose_answer_went_nowhere_is_not_revertible():
    values = Values()
    a = [call(values, "r#0", "ping", given=1, answer="pong"), call(values, "r#1", answer="x")]
    comparison = compare_runs(run("a", a), run("b", [call(values, "r#0", answer="y")]), values.load)

    assert edits_of(values, comparison)["ping"] == ()


def test_values_are_named_before_they_are_read():
    values = Values()
    comparison = compared(values, removed=True)
    needed = values_needed(comparison, [cause.row for cause in comparison.causes])
    known = {root: values.by_root[root] for root in needed}

    assert roots_of(comparison, known.__getitem__) == roots_of(comparison, values.load)


def test_an_input_of_a_model_is_set_back_in_all_requests_that_repeat_it():
    values = Values()

    def talk(*said: str) -> list[StepRow]:
        given = [{"role": "user", "content": word} for word in said]
        return [call(values, "r#0", "clerk", kind="model", given=given, answer=said[0])]

    comparison = compare_runs(
        run("a", talk("hello", "pay 5", "now")), run("b", talk("hi there", "pay 5")), values.load
    )
    [root] = roots_of(comparison, values.load)
    hello, hi, pay, now = (
        {"role": "user", "content": word} for word in ("hello", "hi there", "pay 5", "now")
    )

    assert root.edits == (
        {"kind": "replace", "value": {"part": "messages", "from": [hi], "to": [hello]}},
        {"kind": "replace", "value": {"part": "messages", "from": [pay], "to": [pay, now]}},
    )
    assert root.applies == (
        {"kind": "replace", "value": {"part": "messages", "from": [hello], "to": [hi]}},
        {"kind": "replace", "value": {"part": "messages", "from": [now], "to": []}},
    )


def reply(drawn: str, says: str) -> dict[str, object]:
    message = {"role": "assistant", "content": says}
    return {
        "id": drawn,
        "choices": [{"index": 0, "message": message}],
        "usage": {"total": len(drawn)},
    }


def test_replies_that_say_the_same_are_the_same_answer():
    assert same_answer(reply("chatcmpl-1", "yes"), reply("chatcmpl-22", "yes"))
    assert not same_answer(reply("chatcmpl-1", "yes"), reply("chatcmpl-1", "no"))


def test_answers_with_other_ids_alone_are_named_for_the_run_that_follows_the_other():
    values = Values()
    a, b = (
        run(
            name,
            [
                call(values, "r#0", "clerk", kind="model", given=["q"], answer=reply(name, "look")),
                call(values, "r#1", "look", given=1, answer=f"answer of {name}"),
            ],
        )
        for name in ("a", "b")
    )
    comparison = compare_runs(a, b, values.load)
    [renamed] = renamed_of(comparison, values.load)

    assert renamed_rows(comparison) == [0]
    assert renamed.edit == {"kind": "output", "key": "r#0", "value": reply("a", "look")}
    assert starts_of(comparison) == ("r#1", "r#1")
    assert starts_of(comparison, renamed=[0]) == ("r#0", "r#0")


@pytest.mark.parametrize("verdict", ["diverged", "partial", None])
def test_a_replay_that_did_not_run_to_its_end_is_no_hit(verdict: str | None):
    wanted, other = ("ok", "A's end"), ("ok", "B's end")
    came = Came(verdict=verdict, reason="no_answer", key="r#3", ending=wanted)

    assert not came.is_as(wanted, other) and came.stop == ("no_answer", "r#3")
    assert Came(verdict="forked", reason=None, key=None, ending=wanted).is_as(wanted, other)


def test_forks_begin_at_the_first_step_that_either_run_has_from_there_on():
    values = Values()

    assert starts_of(compared(values, removed=True)) == ("r#0", "r#0")
    assert starts_of(compared(values, removed=False)) == ("r#0", "r#0")


@pytest.mark.parametrize(
    ("status", "output", "same"),
    [("ok", "A's end", True), ("ok", "other", False), ("error", "other", False)],
)
def test_an_outcome_is_that_of_a_by_status_and_output(status: str, output: str, *, same: bool):
    a, b = ("ok", "A's end"), ("ok", "B's end")

    assert ended_as_a(a, b, (status, output)) is same
    assert ended_as_a(a, ("error", None), (status, output)) is (status == "ok")


def test_expectations_are_pointers_into_the_output():
    assert meets({"paid": {"sum": 3}}, {"/paid/sum": 3})
    assert not meets({"paid": {"sum": 3}}, {"/paid/sum": 3, "/late": None})
