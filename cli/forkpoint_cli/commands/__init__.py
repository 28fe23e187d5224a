"""One file a command; each asks the service or the engine and prints, and decides nothing else."""

from __future__ import annotations
