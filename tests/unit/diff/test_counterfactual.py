"""What has to be changed so that B has A's value at a root, by where the root stands."""

from __future__ import annotations

import pytest
from forkpoint.diff.counterfactual import (
    Edit,
    ended_as_a,
    meets,
    roots_of,
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
