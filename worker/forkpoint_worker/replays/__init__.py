"""Replays without agent code: read a recording, do what its executor says, write a new run.

The executors' decisions are the engine's (`forkpoint.replay`); here is what they need of the world.
"""

from __future__ import annotations
