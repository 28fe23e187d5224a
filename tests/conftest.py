"""Fixtures for every test: real servers, started once for each test process."""

from __future__ import annotations

pytest_plugins = ["stack"]
