"""Checks of the house style that no linter knows: file lengths, drawer names, hosts, open ends.

Reads the files git tracks; prints one line for each finding and exits 1 if there is any.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

LONGEST = 400
OWN = "scripts/house_check.py"
CODE = (".py", ".ts", ".tsx")
DRAWERS = re.compile(r"(^|/)(utils?|helpers?|common|misc|manager|base)\.(py|ts|tsx)$")
FREE_OF_LIMITS = re.compile(r"(^|/)(generated|fixtures|runs|node_modules)/")
RUN_ROWS = re.compile(r"\b(from|join) +(event|step|artifact)\b", re.IGNORECASE)
OWN_ROWS = re.compile(
    r"server/forkpoint_server/(ingestion/|db/whole|artifacts/(marking|packs|inheritance)\.|"
    r"replay/(leases|cached)\.|diff/(samples|replayed|sketches)\.|query/(recording|steps)\.)|"
    r"worker/forkpoint_worker/(handlers/proving|replays/attempt)\."
)
"""Files that may name the tables: writers, and readers of what a run never shares."""
OPEN_ENDS = re.compile(r"\b(TODO|FIXME|XXX)\b|pytest\.(mark\.)?(skip|xfail)\b|\b(it|test)\.skip\b")


def tracked() -> list[str]:
    """Paths git tracks, relative to the checkout."""
    listing = subprocess.run(["git", "ls-files", "-z"], capture_output=True, check=True, text=True)
    return [name for name in listing.stdout.split("\0") if name and Path(name).is_file()]


def findings(name: str) -> Iterator[str]:
    """What is wrong with one tracked file."""
    if DRAWERS.search(name):
        yield f"{name}: name the concept, not a drawer"
    if name.endswith(".lock") and "://" in Path(name).read_text():
        yield f"{name}: a lock file names no host"
    if name.endswith("package-lock.json") and '"resolved": "http' in Path(name).read_text():
        yield f"{name}: a lock file names no host"
    if name.endswith(CODE) and not FREE_OF_LIMITS.search(name) and name != OWN:
        yield from code_findings(name, Path(name).read_text().splitlines())
        if name.startswith(("server/", "worker/")) and not OWN_ROWS.match(name):
            yield from reader_findings(name, Path(name).read_text().splitlines())


def code_findings(name: str, lines: list[str]) -> Iterator[str]:
    """What is wrong with the lines of one source file."""
    if len(lines) > LONGEST:
        yield f"{name}: {len(lines)} lines, at most {LONGEST}"
    for number, line in enumerate(lines, start=1):
        if OPEN_ENDS.search(line):
            yield f"{name}:{number}: an open end or a skipped test"


def reader_findings(name: str, lines: list[str]) -> Iterator[str]:
    """Reads of a run that would miss what a fork shares with the run it was made from."""
    for number, line in enumerate(lines, start=1):
        if RUN_ROWS.search(line):
            yield f"{name}:{number}: select from what `db.whole.rows_of` gives"


def main() -> int:
    """Print all findings; 1 if there are any."""
    found = [line for name in tracked() for line in findings(name)]
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
