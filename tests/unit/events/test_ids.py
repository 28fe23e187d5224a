from __future__ import annotations

import uuid

from forkpoint.events.ids import event_id, run_id, step_id
from hypothesis import given
from hypothesis import strategies as st

RUN = "01999999-9999-7999-8999-999999999999"


@given(st.integers(0, 2**48 * 10**6 - 1), st.binary(min_size=10, max_size=10))
def test_a_run_id_is_a_uuid7_that_carries_its_millisecond(now_ns: int, random: bytes):
    made = uuid.UUID(run_id(now_ns, random))

    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == now_ns // 1_000_000


def test_run_ids_sort_by_time():
    assert run_id(2_000_000, b"\0" * 10) > run_id(1_000_000, b"\xff" * 10)


def test_a_step_id_depends_on_run_writer_and_key_only():
    made = step_id(RUN, 0, "r#4")  # type: ignore[arg-type]

    assert made == step_id(RUN, 0, "r#4")  # type: ignore[arg-type]
    assert uuid.UUID(made).version == 8
    assert len({made, step_id(RUN, 1, "r#4"), step_id(RUN, 0, "r#5")}) == 3  # type: ignore[arg-type]


def test_an_event_id_tells_every_member_of_the_key_apart():
    ids = {
        event_id(RUN, "s", "step_started", 0, 0),
        event_id(RUN, "s", "step_ended", 0, 0),
        event_id(RUN, "s", "step_started", 1, 0),
        event_id(RUN, "s", "step_started", 0, 1),
        event_id(RUN, None, "step_started", 0, 0),
    }

    assert len(ids) == 5 and all(len(one) == 64 for one in ids)
