"""Fixtures for every test: real servers, started once for each test process."""

from __future__ import annotations

from hypothesis import settings

pytest_plugins = ["stack"]

# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile("house", deadline=None, print_blob=True)
settings.load_profile("house")
