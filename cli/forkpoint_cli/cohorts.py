"""`forkpoint diff A --cohort FILTER`: one run against many, as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from rich.text import Text

from forkpoint_cli.errors import CliError
from forkpoint_cli.output import Column, styled_kind
from forkpoint_cli.session import Session

Fields = Mapping[str, object]
MOST_RUNS = 50
FIELDS = ("name", "tag", "tool", "model", "text")
_RUNS = """
query ($filter: RunFilter) {
  runs(first: 100, filter: $filter) { nodes { id status origin { kind } } }
}
"""
_COHORT = "query ($base: ID!, $runs: [ID!]!) { cohort(base: $base, runs: $runs) }"


def read_cohort(session: Session, base: str, words: str) -> Fields:
    """The newest 50 runs that a filter leaves, compared with the base by the service.

    Replays and forks are left out: they say nothing of how often the agent fails.
    """
    answer = session.service.ask(_RUNS, filter=parse_filter(words))
    nodes = cast("Sequence[Fields]", cast("Fields", answer["runs"])["nodes"])
    own = [run for run in nodes if run["id"] != base and run["origin"] is None]
    runs = [str(run["id"]) for run in own if run["status"] != "RUNNING"]
    if not runs:
        raise CliError(f"no other finished run has {words}", hint="forkpoint runs list --name NAME")
    return cast("Fields", session.service.ask(_COHORT, base=base, runs=runs[:MOST_RUNS])["cohort"])


def parse_filter(words: str) -> dict[str, str]:
    """`name=NAME,tag=TAG`; a word without `=` is a name."""
    found: dict[str, str] = {}
    for word in words.split(","):
        field, equals, value = word.partition("=")
        if equals and field not in FIELDS:
            raise CliError(f"a cohort is chosen by {', '.join(FIELDS)}, not by {field}")
        found[field if equals else "name"] = value if equals else word
    return found


def show_cohort(session: Session, found: Fields) -> None:
    """How many runs there are, and where failed ones part from good ones."""
    output = session.output
    good, bad = cast("int", found["good"]), cast("int", found["bad"])
    output.say(
        Text(f"{good} runs", style="green"),
        " with the outcome of the base, ",
        Text(f"{bad} runs", style="red"),
        " with another",
    )
    if left_out := cast("Sequence[str]", found["notComparable"]):
        output.say(f"{len(left_out)} runs of another redaction key or codec are left out")
    output.say()
    places = cast("Sequence[Fields]", found["places"])
    output.table(
        _COLUMNS,
        [
            [
                str(place["key"]),
                styled_kind(str(place["kind"])),
                str(place["name"]),
                str(place["class"]),
                f"{place['rootBad']}/{bad}",
                f"{place['rootGood']}/{good}",
                Text("█" * round(8 * cast("int", place["rootBad"]) / max(1, bad)), style="red"),
                Text("█" * round(8 * cast("int", place["rootGood"]) / max(1, good)), style="green"),
            ]
            for place in places[:20]
        ],
    )


_COLUMNS = [
    Column(title="base step"),
    Column(title="kind"),
    Column(title="name", width=40),
    Column(title="class"),
    Column(title="failed", right=True),
    Column(title="good", right=True),
    Column(title=""),
    Column(title=""),
]
