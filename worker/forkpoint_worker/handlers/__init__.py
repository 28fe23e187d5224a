"""One handler for each kind of job. A handler may run twice; its effects may not show it."""

from __future__ import annotations
