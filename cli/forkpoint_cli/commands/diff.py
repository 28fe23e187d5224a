"""`forkpoint diff A B`: what differs between two runs, and where it begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import click
from forkpoint.diff.replayed import replay_notes
from forkpoint.diff.report import exit_status
from forkpoint.diff.written import to_markdown, to_page
from rich.text import Text

from forkpoint_cli.cohorts import read_cohort, show_cohort
from forkpoint_cli.deltas import delta_lines, marked
from forkpoint_cli.errors import INCOMPARABLE, Refused
from forkpoint_cli.longdiffs import wait_for_diff
from forkpoint_cli.names import resolve_run
from forkpoint_cli.output import Column, Output, styled_kind
from forkpoint_cli.session import Session, json_option, pass_session

Fields = Mapping[str, object]
DIFFERENT = 1
PAGE = 200
MOST_ROOTS = 10
CLASS_STYLES = {
    "same": "dim",
    "origin": "bold red",
    "intervention": "bold magenta",
    "integrity": "bold red reverse",
    "propagated": "yellow",
    "absorbed": "green",
    "inserted": "green",
    "removed": "red",
    "unknown": "dim italic",
}
CLASS_MARKS = {"same": "=", "inserted": "+", "removed": "-"}
_STEP = "sequence kind name status key"
_ROW = f"index class sub how parts left {{ {_STEP} }} right {{ {_STEP} }}"
_DIFF = f"""
query ($a: ID!, $b: ID!, $only: [String!], $after: String) {{
  diff(a: $a, b: $b) {{
    verdict provisional counts report
    firstDivergence {{ {_ROW} delta }}
    rows(first: {PAGE}, after: $after, only: $only) {{
      totalCount pageInfo {{ hasNextPage endCursor }} nodes {{ {_ROW} }}
    }}
  }}
}}
"""
_CHANGED = [
    "origin",
    "intervention",
    "integrity",
    "propagated",
    "absorbed",
    "inserted",
    "removed",
    "unknown",
]


@click.command()
@click.argument("a")
@click.argument("b", required=False)
@click.option("--all", "everything", is_flag=True, help="Show equal steps too.")
@click.option("--metrics", is_flag=True, help="Let other token counts or cost count as different.")
@click.option(
    "--as",
    "form",
    type=click.Choice(["markdown", "html"]),
    help="Print the report for a pull request, or as one HTML file.",
)
@click.option(
    "--cohort",
    metavar="FILTER",
    help="In place of B: all finished runs of this name, or tag=TAG, text=PART, ...",
)
@click.option("--pager", is_flag=True, help="Show the table page by page.")
@json_option
@pass_session
def diff(
    session: Session,
    a: str,
    b: str | None,
    everything: bool,
    metrics: bool,
    form: str | None,
    cohort: str | None,
    pager: bool,
    as_json: bool,
) -> int:
    """Compare two runs step by step.

    Exits with 0 when all steps and the outcome are equal, 1 when they differ, 2 when an answer that
    was served is not the recorded one, 125 when the runs cannot be compared.
    """
    if (b is None) == (cohort is None):
        raise click.UsageError("give a second run or --cohort")
    if b is None:
        return _many(session, a, str(cohort), as_json=as_json)
    runs = {"a": resolve_run(session.service, a), "b": resolve_run(session.service, b)}
    found = read_diff(session, runs, only=None if everything else _CHANGED)
    if as_json:
        session.output.json(found["report"])
    elif form is not None:
        _write(form, found)
    elif pager:
        with session.output.console.pager(styles=True):
            _show(session, found, runs)
    else:
        _show(session, found, runs)
    report = cast("Fields", found["report"])
    return exit_status(report) or (DIFFERENT if metrics and _other_totals(report) else 0)


def _many(session: Session, base: str, cohort: str, *, as_json: bool) -> int:
    """The base against a cohort; 1 if any of it came to another outcome."""
    found = read_cohort(session, resolve_run(session.service, base), cohort)
    if as_json:
        session.output.json(found)
    else:
        show_cohort(session, found)
    return DIFFERENT if found["bad"] else 0


def _write(form: str, found: Fields) -> None:
    """The report as a document, with what differs at the first divergence."""
    first = cast("Fields | None", found["firstDivergence"])
    delta = [] if first is None else [marked(line) for line in delta_lines(as_delta(first))]
    written = to_markdown if form == "markdown" else to_page
    click.echo(written(cast("Fields", found["report"]), delta), nl=False)


def as_delta(first: Fields) -> Fields:
    """The opened delta of a row."""
    return cast("Fields", first["delta"] or {})


def read_diff(
    session: Session, runs: Mapping[str, str], *, only: Sequence[str] | None
) -> dict[str, object]:
    """The comparison of runs `a` and `b` with all its rows of the classes in `only`.

    Runs that are too long for a request are compared by a worker, and waited for. Raises `Refused`
    with exit code 125 when digests of the two runs mean different things.
    """
    rows: list[Fields] = []
    after: str | None = None
    waited = False
    while True:
        try:
            answer = session.service.ask(_DIFF, **runs, only=only, after=after)
        except Refused as error:
            if error.code != "limit_exceeded" or waited:
                raise _incomparable(error) from None
            waited = True
            wait_for_diff(session, runs)
            continue
        found = cast("Fields", answer["diff"])
        page = cast("Fields", found["rows"])
        rows += cast("Sequence[Fields]", page["nodes"])
        info = cast("Fields", page["pageInfo"])
        if not info["hasNextPage"]:
            return {**found, "rows": rows}
        after = str(info["endCursor"])


def _incomparable(error: Refused) -> Refused:
    if error.code == "not_comparable":
        error.exit_code = INCOMPARABLE
    return error


def _show(session: Session, found: Fields, runs: Mapping[str, str]) -> None:
    output = session.output
    report = cast("Fields", found["report"])
    counts = cast("Mapping[str, int]", found["counts"])
    style = "bold green" if found["verdict"] == "identical" else "bold yellow"
    tally = Text("  ").join(
        Text(f"{name} {counts[name]}", style=CLASS_STYLES.get(name, ""))
        for name in sorted(counts, key=_class_order)
    )
    output.say(Text(str(found["verdict"]), style=style), Text("   "), tally)
    output.say(Text(session.settings.diff_url(runs["a"], runs["b"]), style="cyan"))
    first = cast("Fields | None", found["firstDivergence"])
    if first is not None:
        _show_first(output, first)
    _show_roots(output, report)
    output.say()
    output.table(_COLUMNS, [_cells(row) for row in cast("Sequence[Fields]", found["rows"])])
    for section in cast("Sequence[Fields]", report["missing"]):
        where = f" at {section['step']}" if section.get("step") else ""
        output.remark(f"not compared: {section['section']}{where} ({section['reason']})")
    for note in replay_notes(report):
        output.remark(note)
    if found["provisional"]:
        output.remark("a run is still being recorded: this comparison will change")


def _show_first(output: Output, first: Fields) -> None:
    step = cast("Fields", first["left"] or first["right"])
    kind = str(first["class"]) + (f" ({first['sub']})" if first["sub"] else "")
    output.say()
    output.say(
        Text("first divergence  ", style="bold"),
        f"#{step['sequence']} ",
        styled_kind(str(step["kind"])),
        f" {step['name']}  ",
        Text(kind, style=CLASS_STYLES.get(str(first["class"]), "")),
    )
    for line in delta_lines(cast("Fields", first["delta"])):
        output.say(Text("  "), line)


def _show_roots(output: Output, report: Fields) -> None:
    """Every root with its evidence; one root is the first divergence above."""
    roots = cast("Sequence[Fields]", report["roots"])
    if len(roots) < 2 and not any(root["word"] != "none" for root in roots):
        return
    output.say()
    output.say(Text(f"roots  {report['rootCount']}", style="bold"))
    for root in roots[:MOST_ROOTS]:
        word = str(root["word"]) + (", could be sampling" if root["couldBeSampling"] else "")
        kind = str(root["class"]) + (f" ({root['sub']})" if root["sub"] else "")
        number = root["seqB"] if root["seqB"] is not None else root["seqA"]
        output.say(
            f"  #{number} ",
            styled_kind(str(root["kind"])),
            f" {root['name']}  ",
            Text(kind, style=CLASS_STYLES.get(str(root["class"]), "")),
            Text(f"  {word}", style="dim"),
        )


def _cells(row: Fields) -> list[str | Text]:
    left, right = cast("Fields | None", row["left"]), cast("Fields | None", row["right"])
    step = cast("Fields", left or right)
    name = str(row["class"])
    style = CLASS_STYLES.get(name, "")
    return [
        Text(CLASS_MARKS.get(name, "~"), style=style),
        f"#{left['sequence']}" if left else "",
        f"#{right['sequence']}" if right else "",
        styled_kind(str(step["kind"])),
        str(step["name"]),
        Text(name + (f" ({row['sub']})" if row["sub"] else ""), style=style),
        ", ".join(cast("Sequence[str]", row["parts"])),
    ]


def _class_order(name: str) -> int:
    order = ["same", *_CHANGED]
    return order.index(name) if name in order else len(order)


def _other_totals(report: Fields) -> bool:
    totals = cast("Mapping[str, Sequence[object]]", report["totals"])
    return any(totals[name][0] != totals[name][1] for name in ("tokens", "costMicros"))


_COLUMNS = [
    Column(title=""),
    Column(title="A", right=True),
    Column(title="B", right=True),
    Column(title="kind"),
    Column(title="name", width=40),
    Column(title="class"),
    Column(title="differs in", style="dim"),
]
