"""One query walks from runs to steps, children, forks and back."""

from __future__ import annotations

from typing import Any

from forkpoint.events.kinds import Kind
from forkpoint.events.model import Origin
from recorded import INGEST, Recording, recorded
from serving import Service

OPENING = "query($id: ID!) { run(id: $id) { openingStep { sequence } } }"


async def test_children_come_by_parent_and_in_pages(service: Service):
    run = Recording()
    agents = [run.step(f"r#{n}", kind=Kind.AGENT) for n in range(2)]
    for n, agent in enumerate(agents):
        for k in range(n + 2):
            run.call(f"r#{n}.{k}", parent=agent)
    await run.send(service)

    found = await service.data(
        """query($id: ID!) { run(id: $id) { steps(first: 2) { nodes {
            children(first: 2) { totalCount pageInfo { hasNextPage endCursor }
                nodes { key depth parent { key } } } } } } }""",
        id=run.run_id,
    )

    first, second = [node["children"] for node in found["run"]["steps"]["nodes"]]
    assert [step["key"] for step in first["nodes"]] == ["r#0.0", "r#0.1"]
    assert [step["parent"]["key"] for step in second["nodes"]] == ["r#1", "r#1"]
    assert (first["totalCount"], first["pageInfo"]["hasNextPage"]) == (2, False)
    assert (second["totalCount"], second["pageInfo"]["hasNextPage"]) == (3, True)


async def test_pages_of_steps_join_without_hole_or_double(service: Service):
    run = recorded(steps=7)
    await run.send(service)
    query = """query($id: ID!, $after: String) { run(id: $id) {
        steps(first: 3, after: $after) { nodes { key } pageInfo { endCursor hasNextPage } } } }"""

    keys: list[str] = []
    page = {"hasNextPage": True, "endCursor": None}
    while page["hasNextPage"]:
        found = await service.data(query, id=run.run_id, after=page["endCursor"])
        keys += [step["key"] for step in found["run"]["steps"]["nodes"]]
        page = found["run"]["steps"]["pageInfo"]

    assert keys == [f"r#{n}" for n in range(7)]


async def test_a_run_opens_on_its_last_step(service: Service):
    run = recorded(steps=3)
    await run.send(service)

    assert (await service.data(OPENING, id=run.run_id))["run"]["openingStep"]["sequence"] == "4"


async def test_a_failed_run_opens_on_the_call_that_failed_first(service: Service):
    run = Recording()
    agent = run.step("r#0", kind=Kind.AGENT)
    tool = run.step("r#0.0", kind=Kind.TOOL, parent=agent)
    run.end(tool, status="error")
    run.end(agent, status="error")
    run.call("r#1")
    await run.send(service)

    assert (await service.data(OPENING, id=run.run_id))["run"]["openingStep"]["sequence"] == "1"


async def test_forks_stand_below_their_recording_and_name_it(service: Service):
    base = recorded(steps=1)
    await base.send(service)
    origin = Origin(run=base.run_id, session="s-1", kind="fork", cut_key="r#0", cut_side="after")
    fork = Recording(name="fork", start={"origin": origin})
    await fork.send(service)

    found = await service.data(
        """query($id: ID!) { run(id: $id) { forks { totalCount nodes { name
            origin { kind cutKey cutSide session run { id } } } } } }""",
        id=base.run_id,
    )

    (node,) = found["run"]["forks"]["nodes"]
    assert node == {
        "name": "fork",
        "origin": {
            "kind": "fork",
            "cutKey": "r#0",
            "cutSide": "after",
            "session": "s-1",
            "run": {"id": base.run_id},
        },
    }


TREE = """query($id: ID!, $first: Int!, $after: String) { run(id: $id) {
    forkTree(first: $first, after: $after) { totalCount pageInfo { hasNextPage endCursor }
        nodes { depth parentId run { id } } } } }"""


async def sent(service: Service, origin: str | None, **fields: Any) -> str:
    """The id of a run, as made from another."""
    made = None if origin is None else Origin(run=origin, session="s", kind="fork")
    run = Recording(start={"origin": made}, **fields)
    await run.send(service)
    return run.run_id


async def test_a_family_of_forks_is_one_tree_from_wherever_it_is_asked(service: Service):
    base = await sent(service, None)
    first, second = sorted([await sent(service, base) for _ in range(2)])
    below = await sent(service, second)

    pages: list[dict[str, Any]] = []
    tree: dict[str, Any] = {}
    after, more = None, True
    while more:
        found = await service.data(TREE, id=first, first=3, after=after)
        tree = found["run"]["forkTree"]
        pages += tree["nodes"]
        after, more = tree["pageInfo"]["endCursor"], tree["pageInfo"]["hasNextPage"]

    assert [(node["depth"], node["parentId"], node["run"]["id"]) for node in pages] == [
        (0, None, base),
        (1, base, first),
        (1, base, second),
        (2, second, below),
    ]
    assert tree["totalCount"] == 4


async def test_runs_that_say_they_were_made_from_each_other_are_told_once(service: Service):
    one, other = recorded().run_id, recorded().run_id
    await sent(service, other, run_id=one)
    await sent(service, one, run_id=other)

    found = await service.data(TREE, id=one, first=9, after=None)

    nodes = found["run"]["forkTree"]["nodes"]
    assert sorted(node["run"]["id"] for node in nodes) == sorted([one, other])


async def test_a_step_knows_the_last_model_call_of_its_scope(service: Service):
    run = Recording()
    run.call("r#0")
    run.call("r#1", kind=Kind.TOOL)
    run.call("r#2")
    await run.send_start(service)
    await service.data(INGEST, e=run.events)

    found = await service.data(
        "query($id: ID!) { step(id: $id) { previousSameScope { key } } }", id=f"{run.run_id}:4"
    )

    assert found["step"]["previousSameScope"]["key"] == "r#0"
