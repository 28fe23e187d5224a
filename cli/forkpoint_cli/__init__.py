"""The command line `forkpoint`: a client of the service's GraphQL API; never imports the server."""

from __future__ import annotations
