"""Results of a batch: a table for people, JSON for programs, JUnit for CI."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from rich.text import Text

from forkpoint_cli.batches import Result, batch_exit, noise_floor
from forkpoint_cli.errors import DIFFERENT, INCOMPARABLE, TROUBLE
from forkpoint_cli.output import Column, Output, styled_status
from forkpoint_cli.text import harmless

_SHORT_ID = 13


def print_results(output: Output, results: Sequence[Result]) -> None:
    """One line a run, and one of totals."""
    columns = [
        Column(title="run", style="cyan"),
        Column(title="verdict"),
        Column(title="name", width=40, gives=True),
        Column(title="steps", right=True),
        Column(title="where", width=60, gives=True),
        Column(title="took", right=True),
        Column(title="noise", right=True),
    ]
    output.table(columns, [_row(one) for one in results])
    counts = Counter(one.verdict for one in results)
    words = ", ".join(f"{number} {verdict}" for verdict, number in counts.most_common())
    output.say(Text(f"{len(results)} runs: ", style="bold"), words or "none")
    differing, repeats = noise_floor(results)
    if repeats:
        output.say(
            f"noise floor: {differing} of {repeats} unchanged repeats came out otherwise"
            f" ({100 * differing / repeats:.1f} %)"
        )


def results_json(results: Sequence[Result]) -> dict[str, object]:
    """The document of `--json`."""
    differing, repeats = noise_floor(results)
    return {
        "format": "forkpoint.batch/1",
        "exit": batch_exit(results),
        "verdicts": dict(Counter(one.verdict for one in results)),
        "noise": {"repeats": repeats, "disagreeing": differing},
        "runs": [one.as_json() for one in results],
    }


def write_junit(path: Path, results: Sequence[Result]) -> None:
    """One test case a run; failures are differences, errors are trouble."""
    suite = ET.Element("testsuite", name="forkpoint replay", tests=str(len(results)))
    totals = Counter(_kind(one) for one in results)
    for kind, name in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        suite.set(name, str(totals[kind]))
    suite.set("time", f"{sum(one.seconds for one in results):.3f}")
    for one in results:
        case = ET.SubElement(
            suite,
            "testcase",
            classname="forkpoint.replay",
            name=harmless(f"{one.name} {one.run}"),
            time=f"{one.seconds:.3f}",
        )
        listed = ET.SubElement(case, "properties")
        for name, value in _properties(one).items():
            ET.SubElement(listed, "property", name=f"forkpoint.{name}", value=harmless(value))
        kind = _kind(one)
        if kind is not None:
            ET.SubElement(case, kind, message=harmless(_where(one) or one.verdict))
    root = ET.Element("testsuites")
    root.append(suite)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _kind(one: Result) -> str | None:
    if one.exit == TROUBLE:
        return "error"
    if one.exit == DIFFERENT or one.disagreeing:
        return "failure"
    return "skipped" if one.exit == INCOMPARABLE else None


def _properties(one: Result) -> dict[str, str]:
    failed = cast("Mapping[str, object]", one.report.get("failedStep") or {})
    found = {
        "run": one.run,
        "new_run": one.made,
        "verdict": one.verdict,
        "matched": _steps(one),
        "failed_step": failed.get("key"),
        "reason": failed.get("reason"),
        "noise": f"{one.disagreeing}/{len(one.repeats)}" if one.repeats else None,
    }
    return {name: str(value) for name, value in found.items() if value is not None}


def _row(one: Result) -> list[str | Text]:
    noise = f"{one.disagreeing}/{len(one.repeats)}" if one.repeats else ""
    return [
        one.run[:_SHORT_ID],
        styled_status(one.verdict),
        one.name,
        _steps(one),
        _where(one),
        f"{one.seconds:.1f} s",
        Text(noise, style="red" if one.disagreeing else "dim"),
    ]


def _steps(one: Result) -> str:
    matched, recorded = one.report.get("matched"), one.report.get("recorded")
    return "-" if recorded is None else f"{matched}/{recorded}"


def _where(one: Result) -> str:
    if one.error is not None:
        return one.error
    failed = cast("Mapping[str, object]", one.report.get("failedStep") or {})
    if not failed:
        return "disagrees with itself" if one.disagreeing else ""
    return f"{failed.get('reason')} at {failed.get('key') or '-'}"
