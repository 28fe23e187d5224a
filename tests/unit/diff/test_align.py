from __future__ import annotations

import random

import pytest
from forkpoint.diff.align import align
from forkpoint.diff.columns import StepRow, scope_of, spawner_of
from forkpoint.diff.sequences import (
    best_alignment,
    common_subsequence,
    longest_increasing,
    unique_matches,
)
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from unit.diff.planted import Values, call, edited, generated, run


def right_share(count: int, names: int, **edits: object) -> float:
    """Share of surviving steps that are paired with their true twin."""
    steps = generated(count, names)
    truth = edited(steps, 2, **edits)  # type: ignore[arg-type]
    result = align(run("a", steps), run("b", [step for _, step in truth]))
    found = {pair.b: pair.a for pair in result.pairs}
    survivors = [(place, at) for place, (at, _) in enumerate(truth) if at is not None]
    return sum(found.get(place) == at for place, at in survivors) / len(survivors)


@pytest.mark.parametrize(
    ("edits", "least"),
    [
        ({"changed": 0.05}, 1.0),
        ({"changed": 0.0, "cascade": True}, 1.0),
        ({"changed": 0.0, "cascade": True, "deltas": 0.5}, 0.999),
    ],
)
def test_planted_edits_are_paired_with_their_twins(edits: dict[str, object], least: float):
    assert right_share(2000, 7, **edits) >= least


def test_steps_known_by_name_alone_still_find_their_place():
    assert right_share(2000, 7, changed=0.0, cascade=True, deltas=1.0) >= 0.9


def test_pairs_of_one_scope_never_cross():
    steps = generated(800, 3)
    other = [step for _, step in edited(steps, 6, changed=0.3, deltas=0.3)]

    pairs = [pair.b for pair in align(run("a", steps), run("b", other)).pairs]

    assert pairs == sorted(pairs)


@given(st.lists(st.sampled_from("MTU"), max_size=30), st.randoms(use_true_random=False))
def test_a_lost_stretch_is_moved_without_losing_pairs_or_crossing(
    names: list[str], chance: random.Random
):
    kinds = {"M": "model", "T": "tool", "U": "tool"}
    a = [
        StepRow(seq=0, key=f"r#{at}", kind=kinds[name], name=name, signature=name)
        for at, name in enumerate(names)
    ]
    b = [step for step in a if chance.random() > 0.2]

    pairs = align(run("a", a), run("b", b)).pairs

    in_order = [(pair.a, pair.b) for pair in pairs if pair.how != "moved"]
    assert len(pairs) == len(b) and in_order == sorted(in_order)
    assert [b for _, b in in_order] == sorted(b for _, b in in_order)
    assert all(a[pair.a].signature == b[pair.b].signature for pair in pairs)


def test_a_cascade_after_one_insert_keeps_all_later_steps_paired():
    steps = generated(2000, 4)
    later = [replace(step, signature=f"x{step.key}") for step in steps[800:]]
    inserted = [*steps[:800], StepRow(seq=0, key="", kind="tool", name="tool0"), *later]
    renumbered = [replace(step, key=f"r#{at}") for at, step in enumerate(inserted)]

    result = align(run("a", steps), run("b", renumbered))

    assert [(pair.a, pair.b) for pair in result.pairs[800:]] == [
        (i, i + 1) for i in range(800, 2000)
    ]
    assert list(result.only_b) == [800]


def test_swapped_blocks_are_moved_not_removed_and_inserted():
    steps = generated(40, 40)
    swapped = [*steps[20:], *steps[:20]]
    renumbered = [replace(step, key=f"r#{at}") for at, step in enumerate(swapped)]

    result = align(run("a", steps), run("b", renumbered))

    assert [pair.how for pair in result.pairs].count("moved") == 20
    assert not result.only_a and not result.only_b


def test_a_loop_of_equal_turns_loses_exactly_the_turns_that_were_cut():
    steps = [
        StepRow(seq=at, key=f"r#{at}", kind="tool", name="turn", signature="s") for at in range(500)
    ]

    result = align(run("a", steps), run("b", steps[:497]))

    assert len(result.pairs) == 497 and len(result.only_a) == 3


def test_renamed_strands_pair_by_what_they_did():
    values = Values()

    def worker(label: str, number: int, work: int) -> list[StepRow]:
        strand = f"r/1.{label}.{number}"
        return [call(values, f"{strand}#{at}", given=f"{work}/{at}") for at in range(3)]

    a = [step for at in range(8) for step in worker("work", at, at)]
    b = [step for at in range(6) for step in worker("work", at, at)]
    b += [*worker("other", 0, 6), *worker("other", 1, 7), *worker("extra", 0, 99)]

    result = align(run("a", a), run("b", b))

    assert len(result.pairs) == 24 and len(result.only_b) == 3
    assert all(a[pair.a].parts == b[pair.b].parts for pair in result.pairs)


def test_steps_inside_a_paired_step_pair_with_each_other():
    values = Values()
    a = [call(values, "r#0", "agent", kind="agent"), call(values, "r#0.0", given=1)]
    b = [call(values, "r#0", "agent", kind="agent"), call(values, "r#0.0", given=2)]

    assert [(pair.a, pair.b) for pair in align(run("a", a), run("b", b)).pairs] == [(0, 0), (1, 1)]


def test_a_fork_pairs_by_the_step_it_was_served_from():
    values = Values()
    a = [call(values, f"r#{at}", given="same") for at in range(4)]
    b = [
        replace(call(values, f"r#{at}", given="same"), source_run="a", source_key=f"r#{at + 1}")
        for at in range(3)
    ]

    pairs = align(run("a", a), run("b", b, parent_run="a")).pairs

    assert [(pair.a, pair.b, pair.how) for pair in pairs] == [
        (1, 0, "lineage"),
        (2, 1, "lineage"),
        (3, 2, "lineage"),
    ]


def test_keys_know_their_scope_and_strands_their_spawner():
    assert [scope_of(key) for key in ("r#4", "r#4.0", "r/2.fetch.3#0", "r#4/0.worker.1#2.1")] == [
        "r",
        "r#4",
        "r/2.fetch.3",
        "r#4/0.worker.1#2",
    ]
    assert [spawner_of(s) for s in ("r", "r#4", "r/2.fetch.3", "r#4/0.worker.1", "r/2.f.3#0")] == [
        None,
        None,
        "r",
        "r#4",
        None,
    ]


letters = st.lists(st.sampled_from("abcd"), max_size=24)


@given(letters, letters)
def test_the_bit_parallel_subsequence_is_as_long_as_the_table_says(
    left: list[str], right: list[str]
):
    table = [[0] * (len(right) + 1) for _ in range(len(left) + 1)]
    for i, one in enumerate(left):
        for j, two in enumerate(right):
            best = max(table[i][j + 1], table[i + 1][j])
            table[i + 1][j + 1] = table[i][j] + 1 if one == two else best

    pairs = common_subsequence(left, right)

    assert len(pairs) == table[-1][-1]
    assert all(left[i] == right[j] for i, j in pairs)
    assert pairs == sorted(pairs) and len({j for _, j in pairs}) == len(pairs)


@given(st.lists(st.integers(0, 30), max_size=40))
def test_the_longest_increasing_subsequence_increases_and_none_is_longer(values: list[int]):
    chain = [values[at] for at in longest_increasing(values)]
    best = [1] * len(values)
    for i, value in enumerate(values):
        best[i] += max((best[j] for j in range(i) if values[j] < value), default=0)

    assert chain == sorted(set(chain))
    assert len(chain) == max(best, default=0)


def test_only_values_that_are_unique_on_both_sides_match():
    assert unique_matches([7, 8, 8, -1, 9], [8, -1, 7, 9]) == [(0, 2), (4, 3)]


def test_the_best_alignment_prefers_a_pair_to_two_gaps_only_if_it_scores():
    scores = [[4, -3, -3], [-3, -3, -3], [-3, -3, 4]]

    assert best_alignment(scores, opened=-1, longer=-1) == [(0, 0), (2, 2)]
