from __future__ import annotations

from forkpoint_server.ingestion.otlp.linking import Caller, links


def model(name: str, *asks: tuple[str | None, str], parent: str | None = "r") -> Caller:
    return Caller(step_id=name, parent_id=parent, name="chat", is_tool=False, asks=asks)


def tool(step_id: str, name: str, *, mark: str | None = None, parent: str | None = "r") -> Caller:
    return Caller(step_id=step_id, parent_id=parent, name=name, is_tool=True, call_mark=mark)


def test_parallel_tool_calls_link_by_id():
    found = links(
        [
            model("one", ("a", "search"), ("b", "search")),
            model("two", ("c", "search"), parent="elsewhere"),
            tool("t1", "search", mark="c", parent="anywhere"),
            tool("t2", "search", mark="b"),
            tool("t3", "search", mark="a"),
        ]
    )

    assert found == {"t1": "two", "t2": "one", "t3": "one"}


def test_without_ids_name_and_order_in_the_scope_decide():
    found = links(
        [
            model("one", (None, "search"), (None, "fetch")),
            tool("t1", "fetch"),
            tool("t2", "search"),
            tool("t3", "search"),
            tool("t4", "search", parent="other"),
            model("two", (None, "search")),
            tool("t5", "search"),
        ]
    )

    assert found == {"t1": "one", "t2": "one", "t5": "two"}


def test_ids_on_one_side_alone_leave_name_and_order():
    assert links([model("m", (None, "f")), tool("t", "f", mark="x")]) == {"t": "m"}
    assert links([model("m", ("y", "f")), tool("t", "f")]) == {"t": "m"}


def test_an_id_that_nobody_asked_for_links_to_nobody():
    assert links([model("m", ("y", "f")), tool("t", "f", mark="x")]) == {}
