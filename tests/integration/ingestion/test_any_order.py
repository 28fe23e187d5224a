"""However a run is cut, shuffled and repeated on its way, it ends as the same run."""

from __future__ import annotations

from forkpoint_server.db.engine import Database
from forkpoint_server.ingestion.batch import ingest
from forkpoint_server.ingestion.runs import finish_run, start_run
from forkpoint_server.live.publish import Remembered
from forkpoint_server.security.principals import loopback_principal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recorded_runs import RecordedRun
from stack import Database as Scratch

STEPS = 6
PRINCIPAL = loopback_principal()
_EVENTS = (
    "select seq, sequence_no, event_type, time_ns from event where run_id = '{0}' order by seq"
)
_STEPS = (
    "select seq, end_seq, parent_seq, depth, lane, key, status, tokens_in, flags "
    "from step where run_id = '{0}' order by seq"
)
_ARTIFACTS = (
    "select step.key, role, encode(root, 'hex'), artifact.size, state from artifact "
    "join step using (run_id, step_id) where run_id = '{0}' order by 1, 2"
)
_RUN = (
    "select head, status, health, step_count, error_count, gap_count, tokens_in, opening_seq, "
    "writers, (select count(*) from held_event where held_event.run_id = run.run_id) "
    "from run where run_id = '{0}'"
)


def recorded() -> tuple[RecordedRun, list[dict[str, object]], list[str]]:
    """A run of steps with payload, each but the first inside the one before it."""
    run = RecordedRun()
    events = []
    for n in range(STEPS):
        asked = run.ref("input.args", f"value {n}")
        events.append(run.began(f"r#{n}", parent=f"r#{n - 1}" if n else None, artifacts=(asked,)))
    for n in reversed(range(STEPS)):
        status = "error" if n == 2 else "ok"
        said = run.ref("output", n)
        events.append(run.ended(f"r#{n}", status=status, tokens_in=n, artifacts=(said,)))
    return run, events, run.take_blocks()


@st.composite
def ways(draw: st.DrawFn) -> list[list[int]]:
    """Batches of places; each place comes at least once, in any order."""
    places = draw(st.permutations(range(2 * STEPS)))
    places += draw(st.lists(st.integers(0, 2 * STEPS - 1), max_size=8))
    cuts = sorted(draw(st.sets(st.integers(1, len(places) - 1), max_size=5)))
    return [places[a:b] for a, b in zip([0, *cuts], [*cuts, len(places)], strict=True)]


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(way=ways())
async def test_shuffled_split_and_repeated_batches_end_in_the_same_run(
    open_database: Database, database: Scratch, way: list[list[int]]
):
    straight = await _sent(open_database, [list(range(2 * STEPS))])

    crooked = await _sent(open_database, way)

    for question in (_EVENTS, _STEPS, _ARTIFACTS, _RUN):
        assert database.sql(question.format(crooked)) == database.sql(question.format(straight))


async def _sent(database: Database, way: list[list[int]]) -> str:
    run, events, blocks = recorded()
    await start_run(database, PRINCIPAL, run.start())
    for places in way:
        result = await ingest(
            database,
            PRINCIPAL,
            events=[events[place] for place in places],
            blocks=blocks,
            live=Remembered(),
        )
        assert (result.rejected, result.missing) == ((), ())
    await finish_run(database, PRINCIPAL, run.end(events={"0": 2 * STEPS}))
    return run.run_id
