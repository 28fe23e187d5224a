from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable

import pytest
from forkpoint.diff.columns import RunColumns, StepRow
from forkpoint.diff.leaves import scalars
from forkpoint.diff.report import Comparison, compare_runs, to_report
from forkpoint.errors import DiffError
from msgspec.structs import replace
from unit.diff.planted import Values, call, run

LONG = "the customer lives in Dalton Street 123"


def compared(values: Values, a: list[StepRow], b: list[StepRow]) -> Comparison:
    return compare_runs(run("a", a), run("b", b), values.load)


def classes(values: Values, a: list[StepRow], b: list[StepRow]) -> list[tuple[str, str | None]]:
    return [(row.name, row.sub) for row in compared(values, a, b).rows]


def ask(values: Values, key: str, prompt: object, answer: object, **fields: object) -> StepRow:
    return call(values, key, "chat", given=prompt, answer=answer, kind="model", **fields)


def test_equal_runs_are_identical_and_no_payload_is_read():
    steps = [call(Values(), f"r#{at}", given=at) for at in range(5)]

    def refuse(root: str) -> object:
        raise AssertionError(root)

    comparison = compare_runs(run("a", steps), run("b", steps), refuse)

    assert comparison.verdict == "identical" and comparison.first_divergence is None


@pytest.mark.parametrize(
    ("kind", "mode", "expected"),
    [
        ("tool", None, ("origin", "external")),
        ("model", "live", ("origin", "sampling")),
        ("tool", "simulated", ("origin", "simulated")),
        ("tool", "exact", ("integrity", None)),
    ],
)
def test_another_answer_to_the_same_question(kind: str, mode: str | None, expected: object):
    values = Values()
    a = [call(values, "r#0", given=1, answer="x", kind=kind)]
    b = [call(values, "r#0", given=1, answer="y", kind=kind, mode=mode)]

    assert classes(values, a, b) == [expected]


def test_a_replay_of_another_run_serves_that_one_and_breaks_no_promise():
    values = Values()
    a = [call(values, "r#0", given=1, answer="x")]
    b = [call(values, "r#0", given=1, answer="y", mode="exact", source_run="another")]

    assert classes(values, a, b) == [("origin", "external")]


def test_an_answer_that_differs_only_in_drawn_ids_is_no_root():
    values = Values()

    def reply(name: str, amount: int, order: str) -> dict[str, object]:
        arguments = {"id": order, "amount": amount}
        called = {"id": f"call_{name}", "function": {"name": "pay", "arguments": arguments}}
        return {"id": f"chatcmpl-{name}", "created": len(name), "tool_calls": [called]}

    a = [ask(values, "r#0", "q", reply("a", 5, "x"))]
    ids = [ask(values, "r#0", "q", reply("bb", 5, "x"))]
    amount = [ask(values, "r#0", "q", reply("bb", 6, "x"))]
    order = [ask(values, "r#0", "q", reply("bb", 5, "y"))]

    assert classes(values, a, ids) == [("origin", "ids")]
    assert compared(values, a, ids).first_divergence is None
    assert classes(values, a, amount) == classes(values, a, order) == [("origin", "sampling")]


def test_an_edited_answer_is_the_intervention_and_what_follows_is_propagated_or_absorbed():
    values = Values()
    a = [
        call(values, "r#0", given="file", answer=LONG),
        ask(values, "r#1", ["read", LONG], "sure"),
        ask(values, "r#2", ["sum up", LONG], "done"),
    ]
    b = [
        call(values, "r#0", given="file", answer="clean", edited=True, mode="exact"),
        ask(values, "r#1", ["read", "clean"], "no"),
        ask(values, "r#2", ["sum up", "clean"], "done"),
    ]

    assert classes(values, a, b) == [
        ("intervention", "output"),
        ("propagated", None),
        ("absorbed", None),
    ]
    assert compared(values, a, b).first_divergence == 0


def test_an_output_pasted_into_a_template_explains_the_prompt():
    values = Values()
    a = [call(values, "r#0", answer=LONG), ask(values, "r#1", f"Answer from: {LONG}!", "a")]
    b = [call(values, "r#0", answer=LONG * 2), ask(values, "r#1", f"Answer from: {LONG * 2}!", "b")]

    assert classes(values, a, b) == [("origin", "external"), ("propagated", None)]


@pytest.mark.parametrize("render", [str, json.dumps])
def test_an_output_printed_into_a_message_explains_it(render: Callable[[object], str]):
    values = Values()
    old, new = {"hits": ["old"], "n": 1.5}, {"n": 2.5, "hits": ["new", None]}
    a = [call(values, "r#0", answer=old), ask(values, "r#1", [{"content": render(old)}], "a")]
    b = [call(values, "r#0", answer=new), ask(values, "r#1", [{"content": render(new)}], "b")]

    assert classes(values, a, b)[1] == ("propagated", None)


@pytest.mark.parametrize(
    "hostile", ["[" * 60_000, "{" * 5_000, "[1, os.system('x')]", "{1: [2}", "{" * 99 + "}" * 99]
)
def test_a_text_that_only_looks_like_a_value_is_a_text(hostile: str):
    assert scalars(hostile) == {hostile}


def test_a_prompt_that_changed_by_itself_is_an_intervention_naming_the_part():
    values = Values()
    a = [ask(values, "r#0", "be kind", "x")]
    b = [ask(values, "r#0", "be brief", "y")]

    row = compared(values, a, b).rows[0]

    assert (row.name, row.parts) == ("intervention", ("messages",))


def test_a_step_asked_for_by_a_changed_model_is_no_root_but_one_out_of_nowhere_is():
    values = Values()
    a = [ask(values, "r#0", "q", "call search")]
    b = [ask(values, "r#0", "q", "call both"), call(values, "r#1", given="more")]
    nowhere = [ask(values, "r#0", "q", "call search"), call(values, "r#1", given="more")]

    assert classes(values, a, b) == [("origin", "sampling"), ("inserted", None)]
    assert classes(values, a, nowhere) == [("same", None), ("inserted", "intervention")]


def test_removed_steps_stand_where_they_would_have_been():
    values = Values()
    a = [call(values, f"r#{at}", f"tool{at}", given=at) for at in range(4)]
    b = [replace(a[0]), replace(a[2], key="r#1"), replace(a[3], key="r#2")]

    assert [row.name for row in compared(values, a, b).rows] == ["same", "removed", "same", "same"]


def test_the_report_lists_every_root_and_names_what_is_missing():
    values = Values()
    a = [call(values, f"r#{at}", f"t{at}", given=at, answer=at) for at in range(3)]
    b = [replace(step, output=values.root(-1 - at)) for at, step in enumerate(a)]
    b[2] = replace(b[2], unreadable=True)

    report = to_report(compared(values, a, b))

    assert [root["a"] for root in report["roots"]] == ["r#0", "r#1", "r#2"]  # type: ignore[index,union-attr]
    assert report["missing"] == [
        {"section": "payload", "step": "r#2", "run": "b", "reason": "not_clean"}
    ]


def test_a_sum_with_an_unknown_price_is_no_sum():
    values = Values()
    a = [ask(values, "r#0", "q", "a", cost_micro_usd=5), ask(values, "r#1", "p", "b")]

    report = to_report(compared(values, a, a))

    assert report["totals"]["costMicros"] == [None, None]  # type: ignore[index]


def test_runs_redacted_under_other_keys_are_not_comparable():
    a = RunColumns(run_id="a", head=0, status="ok", sealed=True, redaction_key_id="k1")
    b = dataclasses.replace(a, run_id="b", redaction_key_id="k2")

    with pytest.raises(DiffError) as caught:
        compare_runs(a, b, Values().load)

    assert caught.value.code == "not_comparable" and "redaction_key_id" in str(caught.value)


def test_a_long_conversation_that_says_everything_otherwise_has_one_root():
    values = Values()

    def talk(tag: str) -> list[StepRow]:
        said: list[object] = []
        steps: list[StepRow] = []
        for turn in range(120):
            said.append({"role": "user", "content": f"question {turn} of the same customer"})
            answer = f"{tag} answer to the question {turn} of the customer"
            steps.append(ask(values, f"r#{turn}", list(said), answer))
            said.append({"role": "assistant", "content": answer})
        return steps

    comparison = compared(values, talk("one"), talk("another"))

    assert [cause.row for cause in comparison.causes] == [0]
    assert comparison.rows.counts() == {"origin": 1, "propagated": 119}


def test_what_a_conversation_says_out_of_nowhere_is_found_behind_an_echo():
    values = Values()

    def talk(first: str, later: str) -> list[StepRow]:
        opening: list[object] = [{"role": "user", "content": "hello, who is there?"}]
        second = [*opening, {"role": "assistant", "content": first}]
        third = [*second, {"role": "user", "content": later}]
        last = [*third, {"role": "user", "content": "and that was all of it"}]
        answers = [first, "second answer", "third answer", "fourth answer"]
        chats = zip([opening, second, third, last], answers, strict=True)
        return [ask(values, f"r#{at}", chat, answer) for at, (chat, answer) in enumerate(chats)]

    a = talk("nobody is in here today", "pay the bill as always")
    b = talk("somebody is in here today", "pay it to account 4711 now")

    rows = compared(values, a, b).rows

    assert [row.name for row in rows] == ["origin", "absorbed", "intervention", "absorbed"]
