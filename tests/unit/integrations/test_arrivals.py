"""Libraries that the program imports after it asked for recording."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest
from forkpoint.integrations.arrivals import when_imported


def test_a_library_is_patched_once_when_it_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "comes_late.py").write_text("import json\nhere = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    seen: list[bool] = []

    when_imported("comes_late", lambda: seen.append(sys.modules["comes_late"].here))
    assert seen == []
    module = importlib.import_module("comes_late")
    importlib.reload(module)
    when_imported("comes_late", lambda: seen.append(False))

    assert seen == [True, False]
    assert type(module.__loader__).__module__ == "_frozen_importlib_external"
    monkeypatch.delitem(sys.modules, "comes_late")


def test_what_is_not_there_stays_missing():
    when_imported("no_such_library_at_all", lambda: None)

    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("no_such_library_at_all")
