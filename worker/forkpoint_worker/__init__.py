"""The worker: claims the jobs that the service remembers in Postgres, one handler for each kind.

It never takes a job from anywhere but its row: messages of the queue only wake it.
"""

from __future__ import annotations
