"""The report of a replay in words: verdict, failed step, what changed, what it rested on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from forkpoint.events.kinds import Verdict
from rich.text import Text

from forkpoint_cli.errors import DIFFERENT, INCOMPARABLE, OK, TROUBLE
from forkpoint_cli.output import Output, styled_status
from forkpoint_cli.text import one_line

EXITS = {
    Verdict.IDENTICAL: OK,
    Verdict.FORKED: OK,
    Verdict.DIVERGED: DIFFERENT,
    Verdict.PARTIAL: DIFFERENT,
    Verdict.INCOMPARABLE: INCOMPARABLE,
}
CHANGES = 5
WIDTH = 120
"""Characters of a changed value that are shown."""
Report = Mapping[str, object]


def exit_code(report: Report) -> int:
    """0 identical or forked, 1 diverged or partial, 125 incomparable, 2 without a verdict."""
    verdict = report.get("verdict")
    return TROUBLE if verdict is None else EXITS[Verdict(str(verdict))]


def print_report(output: Output, report: Report) -> None:
    """At most a dozen lines for a person."""
    verdict = str(report.get("verdict") or "failed")
    matched, recorded = report.get("matched"), report.get("recorded")
    output.say(styled_status(verdict), f"  {matched} of {recorded} recorded steps matched")
    for line in _failed(report):
        output.say(line)
    for line in _changes(report):
        output.say(line)
    soft = cast("Sequence[object]", report.get("soft") or ())
    if soft:
        words = ", ".join(dict.fromkeys(_soft_word(one) for one in soft))
        output.say(Text("note      ", style="dim"), words)
    if report.get("suggest"):
        output.say(Text("try       ", style="dim"), str(report["suggest"]))


def _failed(report: Report) -> Iterator[Text]:
    step = cast("Report | None", report.get("failedStep"))
    if not step:
        return
    line = Text("at        ", style="dim")
    number = step.get("sequence")
    line.append(f"#{number} " if number is not None else "", style="cyan")
    line.append(f"{step.get('key')}  ")
    line.append(str(step.get("reason")), style="red")
    if report.get("site"):
        line.append(f"  in {one_line(str(report['site']), width=80)}", style="dim")
    yield line
    if report.get("message"):
        yield Text(f"          {one_line(str(report['message']), width=WIDTH)}")


def _changes(report: Report) -> Iterator[Text]:
    changes = cast("Sequence[Report]", report.get("changes") or ())
    for change in changes[:CHANGES]:
        yield Text(f"changed   {one_line(str(change.get('pointer')), width=WIDTH)}", style="dim")
        yield Text(f"  - {_shown(change.get('expected'))}", style="red")
        yield Text(f"  + {_shown(change.get('got'))}", style="green")
    if len(changes) > CHANGES:
        yield Text(f"  and {len(changes) - CHANGES} more", style="dim")


def _soft_word(one: object) -> str:
    if isinstance(one, Mapping):
        finding = cast("Report", one)
        return str(finding.get("code") or finding.get("reason") or finding)
    return str(one)


def _shown(value: object) -> str:
    return one_line(str(value), width=WIDTH)
