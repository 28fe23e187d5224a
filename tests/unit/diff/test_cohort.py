"""Where failed runs part from good ones."""

from __future__ import annotations

from dataclasses import replace

from forkpoint.diff.cohort import cohort_of
from forkpoint.diff.columns import RunColumns
from forkpoint.diff.report import compare_runs
from unit.diff.planted import Values, call, run


def member(values: Values, name: str, *, shelf: str, mood: str, status: str = "ok") -> RunColumns:
    steps = [
        call(values, "r#0", "look", given="shelf", answer=shelf),
        call(values, "r#1", "feel", given="mood", answer=mood),
    ]
    return replace(run(name, steps), status=status)


def test_the_place_that_failed_runs_have_and_good_ones_lack_comes_first():
    values = Values()
    base = member(values, "base", shelf="full of bottles", mood="quite cheerful")
    others = [
        member(values, "g1", shelf="full of bottles", mood="rather gloomy today"),
        member(values, "g2", shelf="full of bottles", mood="quite cheerful"),
        member(values, "b1", shelf="empty at last", mood="rather gloomy today", status="error"),
        member(values, "b2", shelf="empty at last", mood="quite cheerful", status="error"),
    ]

    found = cohort_of(compare_runs(base, other, values.load) for other in others)

    assert (found.good, len(found.members)) == (2, 4)
    assert [(p.key, p.roots_good, p.roots_bad) for p in found.places] == [
        ("r#0", 0, 2),
        ("r#1", 1, 1),
    ]
    assert [m.place for m in found.members] == ["r#1", None, "r#0", "r#0"]
    assert found.to_json()["bad"] == 2


def test_a_step_that_only_others_have_stands_behind_one_of_the_base():
    values = Values()
    base = member(values, "base", shelf="a", mood="b")
    extra = call(values, "r#2", "panic", given="now", answer="!")
    other = replace(base, run_id="x", status="error", steps=[*base.steps, extra])

    place = cohort_of([compare_runs(base, other, values.load)]).places[0]

    assert (place.key, place.name, place.klass) == (
        "behind r#1",
        "panic",
        "inserted (intervention)",
    )
