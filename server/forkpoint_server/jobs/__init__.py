"""Work to be done later: rows in Postgres, written with their cause, claimed under a lease.

It never holds payload: arguments are ids.
"""

from __future__ import annotations
