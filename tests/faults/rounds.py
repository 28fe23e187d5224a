"""How long the fault tests go on, and with what luck: a short form always, a long one on demand."""

from __future__ import annotations

import os
import random
import time


def rounds(short: int) -> int:
    """How often a fault is repeated: `FORKPOINT_FAULT_ROUNDS`, else the short form."""
    return int(os.environ.get("FORKPOINT_FAULT_ROUNDS") or short)


def luck() -> random.Random:
    """Chance of one test; its seed is printed, and `FORKPOINT_FAULT_SEED` repeats it."""
    seed = int(os.environ.get("FORKPOINT_FAULT_SEED") or time.time_ns() % 2**32)
    print(f"FORKPOINT_FAULT_SEED={seed}")
    return random.Random(seed)
