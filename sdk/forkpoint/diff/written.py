"""A report as Markdown for a pull request and as one HTML file, out of its JSON alone.

Recorded text is hostile: control characters go, Markdown is fenced or escaped, HTML is escaped.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from forkpoint.diff.replayed import replay_notes

Report = Mapping[str, object]
MOST_LINES = 20
MOST_ROOTS = 50
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_MARKUP = re.compile(r"([\\`*_{}\[\]<>()#+!|~&-])")
_REMOVED, _ADDED = re.compile(r"\[-(.*?)-\]"), re.compile(r"\{\+(.*?)\+\}")
"""How lines mark words of one side, as wdiff does."""
_STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: 0.25rem 0.75rem 0.25rem 0; border-bottom: 1px solid #8884; }
pre { white-space: pre-wrap; background: #8881; padding: 0.75rem; border-radius: 4px; }
.word { font-weight: 600; }
del { color: #b3261e; text-decoration: line-through; }
ins { color: #1b7f3b; text-decoration: none; }
"""


def to_markdown(report: Report, delta: Sequence[str] = ()) -> str:
    """The report in Markdown; `delta` are lines of what differs at the first divergence,
    with `[-removed-]` and `{+added+}` words.
    """
    lines = [f"## {_safe(_title(report))}", "", _safe(_outcome(report)), ""]
    roots = _fields(report, "roots")
    if roots:
        lines += ["| root | class | differs in | evidence |", "|---|---|---|---|"]
        lines += [f"| {' | '.join(map(_safe, _root(root)))} |" for root in roots[:MOST_ROOTS]]
        lines.append("")
    for text in _more_roots(report):
        lines += [_safe(text), ""]
    first = cast("Report | None", report.get("firstDivergence"))
    if first is not None:
        lines += [f"**First divergence**: {_safe(_place(first))}, {_safe(_class(first))}", ""]
    if delta:
        fence = "```"
        lines += [f"{fence}diff", *map(_fenced, delta[:MOST_LINES]), fence, ""]
    lines += [_safe(text) for text in _notes(report)]
    return "\n".join(lines).rstrip() + "\n"


def to_page(report: Report, delta: Sequence[str] = ()) -> str:
    """The report as one HTML file without scripts or anything from elsewhere."""
    body = [f"<h1>{_escaped(_title(report))}</h1>", f"<p>{_escaped(_outcome(report))}</p>"]
    roots = _fields(report, "roots")
    if roots:
        cells = "".join(f"<th>{name}</th>" for name in ("root", "class", "differs in", "evidence"))
        body.append(f"<table><thead><tr>{cells}</tr></thead><tbody>")
        for root in roots[:MOST_ROOTS]:
            texts = "".join(f"<td>{_escaped(text)}</td>" for text in _root(root))
            body.append(f"<tr>{texts}</tr>")
        body.append("</tbody></table>")
    body += [f"<p>{_escaped(text)}</p>" for text in _more_roots(report)]
    first = cast("Report | None", report.get("firstDivergence"))
    if first is not None:
        where = f"{_escaped(_place(first))}, {_escaped(_class(first))}"
        body.append(f"<h2>First divergence</h2><p>{where}</p>")
    if delta:
        body.append(f"<pre>{chr(10).join(map(_coloured, delta[:MOST_LINES]))}</pre>")
    body += [f"<p>{_escaped(text)}</p>" for text in _notes(report)]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{_escaped(_title(report))}</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def _coloured(line: str) -> str:
    """A line of a delta; what it marks as removed or added has its colour."""
    text = _REMOVED.sub(r"<del>\1</del>", _escaped(line))
    return _ADDED.sub(r"<ins>\1</ins>", text)


def _title(report: Report) -> str:
    a, b = (cast("Report", report[side])["run"] for side in ("a", "b"))
    return f"{report['verdict']}: {a} against {b}"


def _outcome(report: Report) -> str:
    outcome = cast("Report", report["outcome"])
    if outcome["a"] == outcome["b"]:
        return f"Outcome by {outcome['by']}: equal."
    if outcome["by"] == "status":
        return f"Outcome by status: {outcome['a']} became {outcome['b']}."
    return f"Outcome by {outcome['by']}: different."


def _root(root: Report) -> tuple[str, str, str, str]:
    words = [str(root["word"])]
    for name in ("revert", "keep", "apply"):
        arm = cast("Report | None", root.get(name))
        words += [f"{name} {rate_of(arm)}"] if arm else []
    words += ["could be sampling"] if root.get("couldBeSampling") else []
    word = ", ".join(words)
    return _place(root), _class(root), ", ".join(cast("Sequence[str]", root["parts"])), word


def rate_of(arm: Report) -> str:
    """`9/10 (60-98%)`: replays that came to A's outcome; no interval where one decides."""
    ends = cast("Sequence[float] | None", arm.get("interval"))
    within = f" ({ends[0]:.0%}-{ends[1]:.0%})" if ends else ""
    return f"{arm['hits']}/{arm['n']}{within}"


def _place(row: Report) -> str:
    number = row["seqB"] if row["seqB"] is not None else row["seqA"]
    return f"#{number} {row['kind']} {row['name']}"


def _class(row: Report) -> str:
    return str(row["class"]) + (f" ({row['sub']})" if row["sub"] else "")


def _more_roots(report: Report) -> Iterator[str]:
    if joint := cast("Sequence[str]", report.get("joint", ())):
        yield f"Only together a cause, shown by replays: {', '.join(joint)}."
    if spent := cast("Report | None", report.get("spent")):
        cost = cast("int", spent["costMicros"]) / 1e6
        yield f"{spent['sessions']} replays, {spent['calls']} live calls, ${cost:.4f}."
    more = cast("int", report["rootCount"]) - MOST_ROOTS
    if more > 0:
        yield f"{more} more roots."
    if report["possibleCount"]:
        yield f"{report['possibleCount']} more steps are explained in part only."


def _notes(report: Report) -> Iterator[str]:
    counts = cast("Mapping[str, int]", report["counts"])
    yield "Steps: " + ", ".join(f"{count} {name}" for name, count in counts.items()) + "."
    totals = cast("Mapping[str, Sequence[object]]", report["totals"])
    yield f"Tokens: {totals['tokens'][0]} and {totals['tokens'][1]}."
    if None not in totals["costMicros"]:
        costs = [cast("int", cost) / 1e6 for cost in totals["costMicros"]]
        yield f"Cost: ${costs[0]:.4f} and ${costs[1]:.4f}."
    for section in _fields(report, "missing"):
        where = f" at {section['step']}" if section.get("step") else ""
        yield f"Not compared: {section['section']}{where} ({section['reason']})."
    yield from replay_notes(report)
    if report["provisional"]:
        yield "A run is still being recorded: this will change."


def _fields(report: Report, name: str) -> Sequence[Report]:
    return cast("Sequence[Report]", report[name])


def _clean(text: str) -> str:
    return _CONTROL.sub("", text)


def _safe(text: str) -> str:
    marked = _MARKUP.sub(r"\\\1", _clean(text).replace("\n", " "))
    return marked.replace("\\&", "&amp;").replace("\\<", "&lt;").replace("\\>", "&gt;")


def _fenced(text: str) -> str:
    return _clean(text).replace("\n", " ").replace("```", "'''")


def _escaped(text: str) -> str:
    return html.escape(_clean(text))
