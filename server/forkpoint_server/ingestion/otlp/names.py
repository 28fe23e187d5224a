"""Names of spans as events may carry them: short, printable text, with nothing secret in them."""

from __future__ import annotations

import os
from functools import lru_cache

from forkpoint.events.wire import NAME_LIMIT
from forkpoint.redact.engine import Redactor
from forkpoint.redact.ruleset import Ruleset
from forkpoint.redact.tokens import CONSTANT, TokenKey

# The API holds no key of a project; whatever this one would mask makes the whole name a constant.
_scanner = Redactor(Ruleset(), TokenKey(os.urandom(32)))


@lru_cache(maxsize=8192)
def masked_name(name: str) -> str:
    """The name, or the constant token if the redactor finds anything in it."""
    plain = name.replace("\0", "").encode("utf-8", "replace").decode()[:NAME_LIMIT] or "unnamed"
    return plain if _scanner.redact(plain) == plain else CONSTANT
