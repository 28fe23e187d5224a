"""Arguments: which part of a call each of them is."""

from __future__ import annotations

import forkpoint
from forkpoint.events.kinds import Kind
from forkpoint.testing.memory import Recorded


def test_arguments_are_equal_values_however_they_are_spelt(memory: Recorded) -> None:
    @forkpoint.tool
    def search(query: str, limit: int = 3) -> None: ...

    with forkpoint.run("r"):
        search("q")
        search("q", limit=3)
        search(limit=3, query="q")

    assert len({step.signature for step in memory.steps}) == 1
    assert memory.input("r#0", "args") == {"limit": 3, "query": "q"}


def test_methods_leave_self_out_and_excluded_arguments_are_not_recorded(memory: Recorded) -> None:
    class Desk:
        @forkpoint.tool(exclude=["client"])
        def look(self, *paths: str, client: object, **options: int) -> str:
            return paths[0]

    with forkpoint.run("r"):
        assert Desk().look("a", "b", client=object(), depth=2) == "a"

    assert memory.input("r#0", "args") == {"paths": ["a", "b"], "options": {"depth": 2}}


def test_a_model_call_has_the_parts_of_its_kind(memory: Recorded) -> None:
    @forkpoint.model
    def ask(messages: list[object], model: str, temperature: float, stream: bool = False) -> str:
        return "hello"

    with forkpoint.run("r"):
        ask([{"role": "system", "content": "s"}, {"role": "user", "content": "u"}], "m-1", 0.5)

    step = memory.step("r#0")
    assert (step.kind, step.model, step.site) == (
        Kind.MODEL,
        "m-1",
        f"{__name__}:test_a_model_call_has_the_parts_of_its_kind",
    )
    assert memory.input("r#0", "system") == [{"role": "system", "content": "s"}]
    assert memory.input("r#0", "messages") == [{"role": "user", "content": "u"}]
    assert memory.input("r#0", "params") == {"temperature": 0.5}


def test_the_first_argument_is_what_is_asked_however_the_call_is_spelt(memory: Recorded) -> None:
    @forkpoint.model
    def ask(question: str, hint: str = "", temperature: float = 0.0) -> None: ...

    with forkpoint.run("r"):
        ask("why?")
        ask(temperature=0.0, question="why?")
        ask("why?", "", 0.0)

    assert len({step.signature for step in memory.steps}) == 1
    assert memory.input("r#0", "messages") == "why?"
    assert memory.input("r#0", "params") == {"hint": "", "temperature": 0.0}


def test_a_part_without_a_value_is_left_out(memory: Recorded) -> None:
    @forkpoint.model
    def ask(
        messages: str, tools: object = None, params: object = None, seed: int | None = None
    ) -> None: ...

    @forkpoint.retriever
    def find(query: str, params: object = None) -> None: ...

    with forkpoint.run("r"):
        ask("why?")
        find("what?")

    asked, found = memory.steps
    assert [ref.role for ref in asked.artifacts] == ["input.messages", "input.params"]
    assert memory.input("r#0", "params") == {"params": None, "seed": None}
    assert [ref.role for ref in found.artifacts] == ["input.query"]
