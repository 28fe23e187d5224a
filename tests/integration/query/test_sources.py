"""Data flow through a recorded run: where an input came from and where an output went."""

from __future__ import annotations

from typing import Any

from forkpoint.events.kinds import Kind
from recorded import Recording
from serving import Service

QUERY = """query($id: ID!, $n: BigInt!) { run(id: $id) { step(sequence: $n) {
    sources { step { sequence } part pointer how }
    usedBy { step { sequence } part pointer how } } } }"""
ORDER = {"order": "A-1042", "total": 120.0, "note": "x" * 200}


async def a_loop(service: Service) -> Recording:
    """A tool's answer (#0) goes into a prompt (#2), stays there (#4) and into a mail (#6)."""
    run = Recording()
    look = run.step("r#0", kind=Kind.TOOL, name="look_up")
    run.end(look, artifacts=[run.ref("output", ORDER)])
    talk: list[object] = [{"role": "user", "content": "hi"}, {"role": "tool", "content": ORDER}]
    for key, said in (("r#1", "I will refund the order."), ("r#2", "It has been refunded now.")):
        ask = run.step(key, artifacts=[run.ref("input.messages", talk)])
        run.end(ask, artifacts=[run.ref("output", {"content": said})])
        talk = [*talk, {"role": "assistant", "content": said}]
    mail = {"body": "Dear customer: It has been refunded now. Bye"}
    send = run.step("r#3", kind=Kind.TOOL, name="send", artifacts=[run.ref("input.args", mail)])
    run.end(send)
    await run.send(service)
    return run


async def flows(service: Service, run: Recording, number: int) -> tuple[list[Any], list[Any]]:
    """Sources and uses of a step as (step, part, pointer, how)."""
    found = await service.data(QUERY, id=run.run_id, n=number)
    step = found["run"]["step"]
    return tuple(
        [(int(e["step"]["sequence"]), e["part"], e["pointer"], e["how"]) for e in step[name]]
        for name in ("sources", "usedBy")
    )  # type: ignore[return-value]


async def test_an_input_names_the_output_it_was_made_of(service: Service):
    run = await a_loop(service)

    sources, _ = await flows(service, run, 2)

    assert sources == [(0, "messages", "/1/content", "block")]


async def test_a_later_prompt_names_only_what_is_new_in_it(service: Service):
    run = await a_loop(service)

    sources, _ = await flows(service, run, 4)

    assert sources == [(2, "messages", "/2/content", "value")]


async def test_a_template_is_seen_through(service: Service):
    run = await a_loop(service)

    sources, _ = await flows(service, run, 6)

    assert sources == [(4, "args", "/body", "text")]


async def test_an_output_names_the_first_step_that_used_it(service: Service):
    run = await a_loop(service)

    _, used = await flows(service, run, 0)

    assert used == [(2, "messages", "/1/content", "block")]
