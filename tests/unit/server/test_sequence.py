from __future__ import annotations

from itertools import pairwise

from forkpoint_server.ingestion.incoming import Incoming, read_events
from forkpoint_server.ingestion.lanes import Lanes
from forkpoint_server.ingestion.sequence import Order, holes
from hypothesis import given
from hypothesis import strategies as st
from recorded_runs import RecordedRun


@given(st.permutations(range(12)), st.lists(st.integers(1, 12), max_size=12))
def test_any_order_in_any_batches_ends_in_the_order_of_each_writer(
    arrival: list[int], cuts: list[int]
):
    events = _two_writers()
    waiting: dict[tuple[int, int], Incoming] = {}
    next_numbers: dict[int, int] = {}
    done: list[Incoming] = []
    bounds = sorted({0, 12, *cuts})

    for start, stop in pairwise(bounds):
        order = Order(next=next_numbers, waiting=waiting)
        order.take(events[n] for n in arrival[start:stop])
        waiting = order.waiting
        done += order.ready

    assert waiting == {}
    for writer in (0, 1):
        numbers = [each.event.sequence_no for each in done if each.event.writer == writer]
        assert numbers == list(range(6))


def test_holes_are_before_what_waits_and_up_to_what_was_sent():
    events = _two_writers()
    order = Order(next={})
    order.take([events[0], events[2], events[5], events[7]])

    assert holes(order, expected={0: 8, 2: 1}) == [
        (0, 1, 1),
        (0, 3, 4),
        (0, 6, 7),
        (1, 0, 0),
        (2, 0, 0),
    ]


def test_a_strand_comes_back_to_its_lane_and_its_children_do_not_take_it():
    lanes = Lanes.load([])
    taken = [
        lanes.begin("1", strand="r", depth=0),
        lanes.end("1"),
        lanes.begin("2", strand="r/1.a.0", depth=0),
        lanes.begin("3", strand="r", depth=0),
        lanes.begin("4", strand="r", depth=1),
    ]

    assert [lane for lane in taken if lane is not None] == [0, 1, 0, 2]


@given(st.lists(st.tuples(st.sampled_from(["r", "r/1.a.0", "r/1.b.0", "u.x.0"]), st.booleans())))
def test_open_steps_never_share_a_lane_however_often_the_state_is_stored(
    acts: list[tuple[str, bool]],
):
    rows: list[list[object]] = []
    open_steps: dict[str, int] = {}
    for number, (strand, begins) in enumerate(acts):
        lanes = Lanes.load(rows)
        if begins:
            lane = lanes.begin(str(number), strand=strand, depth=0)
            assert lane not in open_steps.values()
            open_steps[str(number)] = lane
        elif open_steps:
            step = next(iter(open_steps))
            lanes.end(step)
            del open_steps[step]
        rows = lanes.rows()


def _two_writers() -> list[Incoming]:
    run = RecordedRun()
    events = [run.began(f"r#{n}") for n in range(6)]
    events += [run.began(f"u.x.0#{n}", writer=1) for n in range(6)]
    return read_events(events)[0]
