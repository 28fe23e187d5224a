"""Follows work that is handed to gevent's greenlets, which begin in an empty context of their own.

gevent tells of each greenlet that is started (`Greenlet.add_spawn_callback`); there its context is
made the spawner's, in a strand of its own, as for threads and tasks. gevent is never imported here:
without it in the process there is nothing to follow.
"""

from __future__ import annotations

import contextvars
import sys
import threading
from typing import Any

from forkpoint.capture.strands import current, strand_frame, target_name

_followed = False
_lock = threading.Lock()


def follow_greenlets() -> None:
    """Have greenlets started in a run belong to it, if gevent is in use; once is enough."""
    global _followed
    if _followed or "gevent.greenlet" not in sys.modules:
        return
    with _lock:
        if not _followed:
            _followed = True
            sys.modules["gevent.greenlet"].Greenlet.add_spawn_callback(_started)


def _started(greenlet: Any) -> None:
    frame = current.get()
    if frame is None or greenlet.gr_context is not None:  # none of ours, or put there by its maker
        return
    child = strand_frame(frame, frame.scope.spawn(target_name(getattr(greenlet, "_run", None))))
    context = contextvars.copy_context()
    context.run(current.set, child)
    greenlet.gr_context = context
