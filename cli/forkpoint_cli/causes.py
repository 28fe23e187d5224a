"""What a verification of causes may do, what it took and what it has shown, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from forkpoint.diff.budget import Limits
from forkpoint.diff.written import rate_of
from rich.text import Text

from forkpoint_cli.figures import duration, money
from forkpoint_cli.output import Column, Output

Fields = Mapping[str, object]
STOPPED = {
    "baseline_unproven": "replayed exact, B is not identical to its recording: nothing is proved",
    "not_in_roots": "with every root reverted B still does not come to A's outcome: the cause was "
    "not captured",
    "unanswered": "with every root reverted B stops before its end: nothing answers what it asks",
    "no_executor": "B is no standard loop: give its command after --, or --entry of a runner",
    "budget": "the budget is spent",
}
STYLES = {"verified": "bold green", "refuted": "dim", "undetermined": "yellow"}
_COLUMNS = [
    Column(title="word"),
    Column(title="root", width=24),
    Column(title="name", width=40, gives=True),
    Column(title="reverted"),
    Column(title="B as it is"),
    Column(title="A given it"),
    Column(title="A again", style="dim"),
]


def show_plan(output: Output, *, roots: int, usable: int, least: int, most: int) -> None:
    """How much there is to do."""
    output.remark(f"{roots} roots, {usable} can be reverted; {least} to {most} replays")


def show_limits(output: Output, limits: Limits) -> None:
    """What all of them together may take."""
    parts = [f"{limits.sessions} replays"]
    parts += [] if limits.calls is None else [f"{limits.calls} live calls"]
    parts += [] if limits.tokens is None else [f"{limits.tokens} tokens"]
    parts += [] if limits.cost_micro_usd is None else [money(limits.cost_micro_usd)]
    parts += [] if limits.wall_s is None else [duration(limits.wall_s * 10**9)]
    output.remark(f"budget: {', '.join(parts)}")


def show_verification(output: Output, report: Fields, limits: Limits) -> None:
    """A report `forkpoint.verification/1`."""
    stopped = cast("str | None", report["stopped"])
    if stopped is not None:
        output.say(Text(stopped, style="bold red"), f"  {STOPPED.get(stopped, '')}")
    keep = cast("Fields", report["keep"])
    roots = cast("Sequence[Fields]", report["roots"])
    output.table(_COLUMNS, [_cells(root, keep) for root in roots])
    if joint := cast("Sequence[str]", report["joint"]):
        output.say(Text("joint cause  ", style="bold green"), ", ".join(joint))
    noise = cast("Fields", report["noise"])
    if noise["n"]:
        output.say(Text(f"A replayed came to its own outcome in {rate_of(noise)}", style="dim"))
    for section in cast("Sequence[Fields]", report["missing"]):
        where = f" at {section['step']}" if section.get("step") else ""
        code = f" ({section['code']})" if section.get("code") else ""
        output.remark(f"missing: {section['reason']}{where}{code}")
    if needed := report["samplesNeeded"]:
        output.remark(f"about {needed} samples an arm would decide")
    spent = cast("Mapping[str, int]", report["spent"])
    seconds = cast("float", report.get("seconds", 0))
    output.remark(
        f"{report['sessions']} of {limits.sessions} replays, {spent['calls']} live calls, "
        f"{spent['tokens']} tokens, {money(spent['costMicros'])}, {duration(int(seconds * 1e9))}"
    )


def is_proved(report: Fields) -> bool:
    """Whether a cause was verified."""
    words = {root["word"] for root in cast("Sequence[Fields]", report["roots"])}
    return "verified" in words or bool(report["joint"])


def _cells(root: Fields, keep: Fields) -> list[str | Text]:
    word = str(root["word"])
    revert = cast("Fields | None", root["revert"])
    applied = cast("Fields | None", root["apply"])
    again = cast("Mapping[str, int] | None", root["again"])
    return [
        Text(word, style=STYLES.get(word, "dim")),
        str(root["key"]),
        str(root["name"]),
        "" if revert is None else rate_of(revert),
        "" if revert is None else rate_of(keep),
        "" if applied is None else rate_of(applied),
        _sampled(again),
    ]


def _sampled(again: Mapping[str, int] | None) -> str | Text:
    """How often A, asked again, was answered as B was."""
    if again is None:
        return ""
    said = f"B's answer in {again['asB']} of {again['n']}"
    return Text(f"could be sampling: {said}", style="yellow") if again["asB"] else said
