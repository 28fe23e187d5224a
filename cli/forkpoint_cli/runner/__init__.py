"""The runner: executes agent code for replays asked for elsewhere. It connects out; nobody connects
to it, and it runs nothing but the entry points it was started with."""

from __future__ import annotations
