"""Integrations: record calls of client libraries without a change in the agent; one file a library.

They never change what a library returns, sends or raises.
"""

from __future__ import annotations
