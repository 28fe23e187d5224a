"""Events come in: checked, ordered, deduplicated, stored and materialised in one transaction.

It never redacts, never reads a payload and never talks to the network inside its transaction.
"""

from __future__ import annotations
