"""The replay engine: which recorded answer a call gets, and what to say when there is none.

Pure: it never opens a file or socket, never runs agent code and never waits; the recorder does.
"""

from __future__ import annotations
