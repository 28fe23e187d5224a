from __future__ import annotations

from forkpoint_server.ingestion.otlp.arrange import Bare, arrange
from hypothesis import given
from hypothesis import strategies as st


def bare(name: str, start: int, end: int | None, parent: str | None = None) -> Bare:
    return Bare(name, parent, start, end)


def test_order_is_depth_first_and_numbers_count_starts_and_ends():
    steps = [bare("b", 5, 6, "r"), bare("r", 0, 9), bare("a", 1, 4, "r"), bare("x", 2, 3, "a")]

    places = arrange(steps)

    assert [(p.step_id, p.key, p.seq, p.end_seq, p.depth) for p in places] == [
        ("r", "r#0", 0, 7, 0),
        ("a", "r#0.0", 1, 4, 1),
        ("x", "r#0.0.0", 2, 3, 2),
        ("b", "r#0.1", 5, 6, 1),
    ]


def test_siblings_that_overlap_are_contended():
    places = arrange([bare("a", 0, 5), bare("b", 4, 9), bare("c", 9, 10), bare("d", 20, None)])

    assert [place.contended for place in places] == [True, True, False, False]


def test_an_orphan_waits_at_the_top():
    [place] = arrange([bare("a", 0, 1, "gone")])

    assert (place.orphan, place.parent_seq, place.key) == (True, None, "r#0")


def test_a_very_deep_trace_needs_no_recursion():
    steps = [bare(str(n), n, 20_000 - n, str(n - 1) if n else None) for n in range(5_000)]

    places = arrange(steps)

    assert places[-1].depth == 4_999
    assert len(places[-1].key) < 300


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 20), st.integers(0, 9)),
        max_size=12,
        unique_by=lambda each: each[0],
    ),
    st.randoms(use_true_random=False),
)
def test_any_order_of_arrival_gives_the_same_places(
    drawn: list[tuple[int, int, int, int]], chance: object
):
    steps = [bare(str(i), s, s + d, str(p) if p != i else None) for i, p, s, d in drawn]
    shuffled = list(steps)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]

    places = arrange(steps)

    assert arrange(shuffled) == places
    numbers = sorted(n for p in places for n in (p.seq, p.end_seq))
    assert numbers == list(range(2 * len(steps)))
    assert len({place.key for place in places}) == len(steps)
