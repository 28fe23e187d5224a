"""The acceptance tests of alignment and classes, each with the ground truth it was planted with.

Beside these: `test_deltas.py` (prompt and retrieval deltas), `test_verify.py` (root set, negative
control, Wilson, uncaptured cause), `test_vectors.py` (numpy equals Python), and
`integration/diff/test_partial.py` (a killed job).
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from forkpoint.diff.align import align
from forkpoint.diff.alignment import Alignment
from forkpoint.diff.columns import StepRow
from forkpoint.diff.report import Comparison, compare_runs, exit_status, to_report
from msgspec.structs import replace
from unit.diff.planted import Values, call, edited, generated, run

STEPS = 10_000
TEXT = "the customer lives in Dalton Street 123 and pays by card"


def test_equal_runs():
    steps = [call(Values(), f"r#{at}", given=at) for at in range(200)]

    def refuse(root: str) -> object:
        raise AssertionError(f"read {root}")

    report = to_report(compare_runs(run("a", steps), run("b", steps), refuse))

    assert exit_status(report) == 0
    assert (report["counts"], report["roots"]) == ({"same": 200}, [])


@pytest.mark.parametrize(
    ("names", "edits", "least"),
    [
        (7, {"changed": 0.05}, 1.0),
        (7, {"changed": 0, "cascade": True}, 1.0),
        (7, {"changed": 0, "cascade": True, "deltas": 0.5}, 1.0),
        (7, {"changed": 0, "cascade": True, "deltas": 1}, 0.999),
        (2, {"changed": 0, "cascade": True, "deltas": 1}, None),
        (2, {"changed": 0, "cascade": True, "deltas": 1, "similar": 0.1}, 0.99),
    ],
    ids=["few", "cascade", "half of the deltas", "names", "two names", "similar texts"],
)
def test_planted_edits(names: int, edits: dict[str, float], least: float | None):
    steps = generated(STEPS, names, sketches="similar" in edits)
    truth = edited(steps, 2, **edits)  # type: ignore[arg-type]

    found = align(run("a", steps), run("b", [step for _, step in truth]))

    twins = [twin for twin in found.twins if twin >= 0]
    assert twins == sorted(set(twins))  # no pairs cross
    if least is None:
        assert found.ambiguous > 0.9 * len(twins)
    else:
        assert right_share(found, [at for at, _ in truth]) >= least


def right_share(found: Alignment, truth: Sequence[int | None]) -> float:
    """Of the survivors, by the index in A that each step of B comes from."""
    survivors = [(place, at) for place, at in enumerate(truth) if at is not None]
    return sum(found.back[place] == at for place, at in survivors) / len(survivors)


def test_cascade_insert():
    values = Values()
    a = conversation(values, "run a", count=2000)
    b = conversation(values, "run b", count=2000, insert_at=800)

    comparison = compare_runs(run("a", a), run("b", b), values.load)

    pairs = [(pair.a, pair.b) for pair in comparison.alignment.pairs]
    assert pairs == [*((at, at) for at in range(800)), *((at, at + 1) for at in range(800, 2000))]
    assert comparison.rows.counts() == {"same": 800, "inserted": 1, "propagated": 1200}
    [root] = comparison.causes
    assert (root.row, comparison.rows[root.row].sub) == (800, "intervention")


def conversation(
    values: Values, name: str, *, count: int, insert_at: int | None = None
) -> list[StepRow]:
    """Model calls whose prompts hold all that was said; what the code inserts is put in too."""
    steps: list[StepRow] = []
    said: list[object] = ["the beginning of it"]
    whole = "the beginning"
    for turn in range(count):
        if turn == insert_at:
            note = f"a note that only {name} has in its conversation"
            steps.append(call(values, f"r#{len(steps)}", "note", given="of", answer=note))
            said = [*said, note]
            whole += note
        reply = f"reply {turn} to {hash(whole)} in so many words"
        whole = reply if insert_at is None or turn < insert_at else f"{reply}, noted"
        root = values.named(f"{turn} {whole} {hash(tuple(map(str, said[-3:])))}", said)
        steps.append(
            StepRow(
                seq=0,
                key=f"r#{len(steps)}",
                kind="model",
                name="chat",
                signature=f"chat {root}",
                delta=f"turn {turn}",
                parts={"messages": root},
                output=values.root(reply),
            )
        )
        said = [*said, reply]
    return steps


def test_moved_and_loops():
    steps = generated(40, 40)
    swapped = numbered([*steps[20:], *steps[:20]])
    turns = [turn(at) for at in range(500)]
    whole = numbered([step for each in turns for step in each])
    cut = numbered(
        [step for at, each in enumerate(turns) if at not in (7, 250, 498) for step in each]
    )

    for a, b in ((steps, swapped), (swapped, steps)):
        found = align(run("a", a), run("b", b))
        assert [pair.how for pair in found.pairs].count("moved") == 20
        assert not found.only_a and not found.only_b
    removed = align(run("a", whole), run("b", cut))
    assert removed.only_a == [14, 15, 500, 501, 996, 997] and not removed.only_b
    assert [pair.how for pair in removed.pairs].count("moved") == 0


def turn(number: int) -> list[StepRow]:
    """A model call and the tool it asks for; only the signature of the first tells turns apart."""
    return [
        StepRow(seq=0, key="", kind="model", name="chat", signature=f"model {number}"),
        StepRow(seq=0, key="", kind="tool", name="look", signature="the same look"),
    ]


def numbered(steps: Sequence[StepRow]) -> list[StepRow]:
    return [replace(step, key=f"r#{at}") for at, step in enumerate(steps)]


def test_scopes():
    values = Values()

    def worker(label: str, number: int, work: int) -> list[StepRow]:
        strand = f"r/1.{label}.{number}"
        return [call(values, f"{strand}#{at}", given=f"{work}/{at}") for at in range(3)]

    a = [step for at in range(8) for step in worker("work", at, at)]
    b = [step for at in range(6) for step in worker("work", at, at)]
    b += [*worker("other", 0, 6), *worker("other", 1, 7), *worker("extra", 0, 99)]

    found = align(run("a", a), run("b", b))

    scopes = {(a[p.a].key.split("#")[0], b[p.b].key.split("#")[0]) for p in found.pairs}
    assert len(scopes) == 8 and len(found.pairs) == 24
    assert ("r/1.work.6", "r/1.other.0") in scopes and ("r/1.work.7", "r/1.other.1") in scopes
    assert {b[at].key.split("#")[0] for at in found.only_b} == {"r/1.extra.0"}


def compared(values: Values, a: list[StepRow], b: list[StepRow]) -> Comparison:
    return compare_runs(run("a", a), run("b", b), values.load)


def ask(values: Values, key: str, prompt: object, answer: object, **fields: object) -> StepRow:
    return call(values, key, "chat", given=prompt, answer=answer, kind="model", **fields)


def lookup(values: Values, answer: str, **fields: object) -> StepRow:
    return call(values, "r#0", given="file", answer=answer, **fields)


V = Values()
OTHER = TEXT.replace("Dalton", "Wilton")
LATER = {
    "same": (ask(V, "r#1", ["q"], "x"), ask(V, "r#1", ["q"], "x")),
    "absorbed": (ask(V, "r#1", ["q", TEXT], "x"), ask(V, "r#1", ["q", OTHER], "x")),
    "propagated": (ask(V, "r#1", ["q", TEXT], "x"), ask(V, "r#1", ["q", OTHER], "y")),
    "f-string": (ask(V, "r#1", f"Read: {TEXT}!", "x"), ask(V, "r#1", f"Read: {OTHER}!", "y")),
    "truncation": (ask(V, "r#1", [TEXT[:40]], "x"), ask(V, "r#1", [OTHER[:40]], "y")),
    "f-string and more": (
        ask(V, "r#1", f"Read: {TEXT}!", "x"),
        ask(V, "r#1", f"Read with care: {OTHER}!", "y"),
    ),
    "intervention": (ask(V, "r#1", ["q", TEXT], "x"), ask(V, "r#1", ["new", OTHER], "y")),
    "quiet intervention": (ask(V, "r#1", ["q", TEXT], "x"), ask(V, "r#1", ["new", OTHER], "x")),
}


@pytest.mark.parametrize(
    ("later", "name", "partly", "absorbed"),
    [
        ("same", "same", False, False),
        ("absorbed", "absorbed", False, False),
        ("propagated", "propagated", False, False),
        ("f-string", "propagated", False, False),
        ("truncation", "propagated", True, False),
        ("f-string and more", "propagated", True, False),
        ("intervention", "intervention", True, False),
        ("quiet intervention", "intervention", True, True),
    ],
)
def test_classes(later: str, name: str, partly: bool, absorbed: bool):
    """What stands behind a tool that answered otherwise."""
    left, right = LATER[later]

    rows = compared(V, [lookup(V, TEXT), left], [lookup(V, OTHER), right]).rows

    assert (rows[0].name, rows[0].sub) == ("origin", "external")
    assert (rows[1].name, rows[1].partly, rows[1].absorbed) == (name, partly, absorbed)
    if name == "intervention":
        assert "messages" in rows[1].parts


@pytest.mark.parametrize(
    ("kind", "fields", "name", "sub"),
    [
        ("model", {}, "origin", "sampling"),
        ("planner", {}, "origin", "sampling"),
        ("tool", {}, "origin", "external"),
        ("retriever", {}, "origin", "external"),
        ("tool", {"mode": "simulated"}, "origin", "simulated"),
        ("tool", {"edited": True}, "intervention", "output"),
        ("tool", {"mode": "exact"}, "integrity", None),
        ("model", {"mode": "cached"}, "integrity", None),
    ],
)
def test_classes_of_another_answer_to_equal_inputs(
    kind: str, fields: dict[str, object], name: str, sub: str | None
):
    values = Values()
    a = [call(values, "r#0", given=1, answer="x", kind=kind)]
    b = [call(values, "r#0", given=1, answer="y", kind=kind, **fields)]

    comparison = compared(values, a, b)

    assert (comparison.rows[0].name, comparison.rows[0].sub) == (name, sub)
    assert exit_status(to_report(comparison)) == (2 if name == "integrity" else 1)


@pytest.mark.parametrize("sampled", [False, True])
def test_classes_of_steps_of_one_side(sampled: bool):
    values = Values()
    chat = ask(values, "r#0", ["q"], "call it"), ask(values, "r#0", ["q"], "call it not")
    extra = call(values, "r#1", "pay", given=5, answer="paid")
    long, short = [chat[0], extra], [chat[1] if sampled else chat[0]]

    gone = compared(values, long, short).rows[1]
    new = compared(values, [chat[1] if sampled else chat[0]], long).rows[1]

    assert (gone.name, new.name) == ("removed", "inserted")
    assert gone.sub == new.sub == (None if sampled else "intervention")


def test_partial():
    """Withheld payload and unknown prices are named, and what is known is counted right."""
    values = Values()
    a = [
        lookup(values, TEXT),
        ask(values, "r#1", ["q", TEXT], "x", cost_micro_usd=5),
        ask(values, "r#2", ["r"], "y", cost_micro_usd=5),
        call(values, "r#3", "pay", given=5, answer="paid"),
    ]
    hidden = replace(a[1], parts={}, signature="other", unreadable=True)
    b = [lookup(values, OTHER), hidden, replace(a[2], cost_micro_usd=None)]
    b.append(replace(a[3], output=None, unreadable=True))

    report = to_report(compared(values, a, b))

    assert report["counts"] == {"origin": 1, "unknown": 2, "same": 1}
    assert report["totals"]["costMicros"] == [10, None]  # type: ignore[index]
    assert report["missing"] == [
        {"section": "payload", "step": "r#1", "run": "b", "reason": "not_clean"},
        {"section": "payload", "step": "r#3", "run": "b", "reason": "not_clean"},
        {"section": "cost", "reason": "price_unknown", "retry": False},
    ]
    assert report["rootCount"] == 1


def test_an_input_whose_blocks_are_lost_is_partly_explained_and_named():
    values = Values()
    a = [ask(values, "r#0", ["q"], "x", cost_micro_usd=1)]
    b = [ask(values, "r#0", ["p"], "y", cost_micro_usd=1)]
    del values.by_root[b[0].parts["messages"]]

    comparison = compared(values, a, b)

    assert (comparison.rows[0].name, comparison.rows[0].partly) == ("propagated", True)
    assert to_report(comparison)["missing"][0] == {  # type: ignore[index]
        "section": "part:messages",
        "step": "r#0",
        "reason": "blob_missing",
        "retry": True,
    }


def test_without_payloads_classes_come_from_digests_and_the_report_says_so():
    values = Values()
    price = {"cost_micro_usd": 1}
    a = [lookup(values, TEXT), ask(values, "r#1", ["q", TEXT], "x", **price)]
    b = [lookup(values, OTHER), ask(values, "r#1", ["q", OTHER], "y", **price)]
    a, b = [[*steps, ask(values, "r#2", ["q"], "z", **price)] for steps in (a, b)]

    draft = compare_runs(run("a", a), run("b", b), {}.__getitem__, examine=0)

    report = to_report(draft)
    assert report["counts"] == {"origin": 1, "propagated": 1, "same": 1}
    assert draft.rows[1].partly
    assert report["missing"] == [{"section": "explanation", "reason": "timeout", "retry": True}]
