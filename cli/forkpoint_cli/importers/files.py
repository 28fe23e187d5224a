"""The files meant by what was typed: files, directories, globs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def found_files(given: Iterable[str], *, suffix: str) -> list[Path]:
    """Every file once, sorted; directories are searched through, patterns expanded (`**` too)."""
    found: set[Path] = set()
    for text in given:
        path = Path(text)
        if path.is_dir():
            found.update(path.rglob(f"*{suffix}"))
        elif path.is_file():
            found.add(path)
        else:
            anchor = Path(path.anchor or ".")
            found.update(anchor.glob(str(path.relative_to(path.anchor))))
    return sorted(path for path in found if path.is_file())
