"""The built cockpit keeps to its budgets: what the first page loads, and what the editor adds."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

DIST = Path(__file__).parents[2] / "cockpit/dist"
INITIAL = 230_000
EDITOR = 130_000
FONTS = 90_000


@pytest.fixture
def built() -> Path:
    """The folder of the build."""
    if not (DIST / "index.html").is_file():
        pytest.fail("the cockpit is not built: run `make cockpit`", pytrace=False)
    return DIST


def zipped(path: Path) -> int:
    return len(gzip.compress(path.read_bytes(), 9))


def test_scripts_and_fonts_stay_within_their_budgets(built: Path):
    page = (built / "index.html").read_text()
    named = {built / name.lstrip("/") for name in re.findall(r'src="(/assets/[^"]+\.js)"', page)}
    later = set((built / "assets").glob("*.js")) - named
    fonts = list((built / "assets").glob("*.woff2"))

    assert 0 < sum(map(zipped, named)) <= INITIAL
    assert 0 < sum(map(zipped, later)) <= EDITOR
    assert sum(path.stat().st_size for path in fonts) <= FONTS
