"""Runs the figures: `python -m benchmarks [--only NAME ...]` prints them and keeps them as JSON.

A benchmark is a module of this folder with `run() -> dict[str, float]`. Results are merged into
`benchmarks/out/latest.json`, so one figure can be measured again alone.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).parent
LATEST = HERE / "out" / "latest.json"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure the figures."
    )
    parser.add_argument(
        "--only", nargs="+", choices=names(), metavar="NAME", help="of these modules"
    )
    chosen = parser.parse_args(arguments).only or names()
    for name in chosen:
        figures = dict(import_module(f"benchmarks.{name}").run())
        print(table(name, figures), flush=True)
        keep(figures)
    return 0


def names() -> list[str]:
    """The modules of this folder that measure something."""
    files = sorted(HERE.glob("*.py"))
    return [file.stem for file in files if "\ndef run(" in file.read_text(encoding="utf-8")]


def table(name: str, figures: Mapping[str, float]) -> str:
    width = max(map(len, figures), default=0)
    lines = [f"  {figure.ljust(width)}  {value:>12,.3f}" for figure, value in figures.items()]
    return "\n".join([name, *lines])


def keep(figures: Mapping[str, float]) -> None:
    """Merge the figures into the latest ones; their names are unique over all modules."""
    known = json.loads(LATEST.read_text(encoding="utf-8")) if LATEST.exists() else {}
    LATEST.parent.mkdir(exist_ok=True)
    LATEST.write_text(json.dumps({**known, **figures}, indent=1, sort_keys=True), encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
