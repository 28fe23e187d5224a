"""The one-command mode: Postgres and Valkey from wheels, API and worker, in one process tree.

It starts programs and watches them. It never holds domain logic, and no other room knows of it: the
API and the worker see two addresses and a data directory, as they would in production.
"""

from __future__ import annotations

from forkpoint_server.embedded.databases import Embedded
from forkpoint_server.embedded.errors import EmbeddedError
from forkpoint_server.embedded.stack import Commands, Stack

__all__ = ["Commands", "Embedded", "EmbeddedError", "Stack"]
