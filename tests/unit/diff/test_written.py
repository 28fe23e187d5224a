"""Reports as documents: complete, and harmless whatever was recorded."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any, cast

from forkpoint.diff.replayed import replayed
from forkpoint.diff.report import compare_runs, to_report
from forkpoint.diff.rows import Rows
from forkpoint.diff.written import to_markdown, to_page
from unit.diff.planted import Values, call, run

from benchmarks.planted import plant

SCHEMA = cast(
    "dict[str, Any]", json.loads(files("forkpoint.diff").joinpath("schema.json").read_text())
)
HOSTILE = "<script>alert(1)</script>|`[x](http://evil)\x1b[31m\u202e"


def report_of(name: str = "search") -> dict[str, object]:
    values = Values()
    a = [call(values, "r#0", name, given=1, answer="old"), call(values, "r#1", given=2, answer=1)]
    b = [call(values, "r#0", name, given=1, answer="new"), call(values, "r#1", given=2, answer=1)]
    return to_report(compare_runs(run("a", a), run("b", b, output="x"), values.load))


TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "boolean": bool,
    "null": type(None),
}


def agrees(value: object, schema: dict[str, Any]) -> bool:
    """The part of JSON Schema that the published one uses."""
    if "$ref" in schema:
        return agrees(value, SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]])
    return all(
        (
            value in schema.get("enum", [value]),
            value == schema.get("const", value),
            isinstance(value, tuple(TYPES[name] for name in names_of(schema.get("type", [])))),
            "oneOf" not in schema or sum(agrees(value, one) for one in schema["oneOf"]) == 1,
            all(agrees(value, one) for one in schema.get("allOf", [])),
            fields_agree(value, schema),
            not isinstance(value, list)
            or all(agrees(one, schema.get("items", {})) for one in cast("list[object]", value)),
        )
    )


def names_of(types: str | list[str]) -> list[str]:
    return [types] if isinstance(types, str) else types or list(TYPES)


def fields_agree(value: object, schema: dict[str, Any]) -> bool:
    if not isinstance(value, dict):
        return True
    fields, known = cast("dict[str, object]", value), schema.get("properties", {})
    if schema.get("additionalProperties") is False and not fields.keys() <= known.keys():
        return False
    return set(schema.get("required", ())) <= fields.keys() and all(
        agrees(item, known[key]) for key, item in fields.items() if key in known
    )


def test_reports_are_what_the_published_schema_says():
    reports = [report_of(), *(to_report(plant(seed).compare()) for seed in range(5))]

    assert all(agrees(json.loads(json.dumps(report)), SCHEMA) for report in reports)
    assert not agrees({**reports[0], "verdict": "maybe"}, SCHEMA)
    assert not agrees({key: reports[0][key] for key in ("format", "a")}, SCHEMA)


def test_markdown_names_verdict_root_and_what_differs():
    text = to_markdown(report_of(), ["output  old new"])

    assert text.startswith("## different: a against b\n")
    assert "| \\#0 tool search | origin \\(external\\) | out |" in text
    assert "```diff\noutput  old new\n```" in text and "1 same" in text


def test_hostile_names_stay_text():
    report = report_of(HOSTILE)
    markdown, page = to_markdown(report, [HOSTILE, "```"]), to_page(report, [HOSTILE])

    assert "<script" not in markdown.partition("```")[0] and "<script" not in page
    assert "\x1b" not in markdown + page and "\u202e" not in markdown + page
    assert markdown.count("```") == 2 and "[x](" not in markdown.partition("```")[0]


def test_removed_and_added_words_can_be_told_apart_on_the_page():
    page = to_page(report_of(), ["output  pay [-the bill-]{+<b>all</b>+} now"])

    assert "pay <del>the bill</del><ins>&lt;b&gt;all&lt;/b&gt;</ins> now" in page


def test_rows_come_back_from_their_bytes():
    rows = plant(3).compare().rows

    again = Rows.from_bytes(rows.to_bytes())

    assert list(again) == list(rows) and again.alignment(300, 300).twins[0] == rows[0].b


def test_rows_know_how_far_they_agree_with_others():
    rows, other = plant(3).compare().rows, plant(3).compare().rows
    at = next(at for at in range(4, len(rows)) if rows.part_table[rows.part[at]] != ("model",))

    other.set(at, rows.name[at], rows.sub[at], parts=("model",), flags=rows.flags[at])

    assert rows.common_start(rows) == len(rows)
    assert rows.common_start(other) == other.common_start(rows) == at
    assert rows.common_start(Rows()) == 0


def test_what_a_fork_changed_and_that_nothing_proves_it_stands_in_each_form():
    outcome = {
        "verdict": "forked",
        "soft": ["served", {"code": "baseline_unproven"}],
        "guard": "os",
    }
    edits = [{"kind": "output", "key": "r#0", "value": HOSTILE}, {"kind": "model", "value": "m"}]
    report = {**report_of(), "replays": [replayed("b", outcome, edits)]}

    for text in (to_markdown(report).replace("\\", ""), to_page(report)):
        assert "B is a fork with edits: output of r#0, model from the cut on." in text
        assert "B baseline_unproven: no exact replay has proven its recording" in text
        assert "B ran under the guard os." in text
    assert agrees(report, SCHEMA)
    assert "alert" not in json.dumps(report["replays"])
