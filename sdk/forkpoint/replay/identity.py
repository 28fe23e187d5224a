"""Call identity: strands, scopes and call keys, and taking them apart again.

    strand = "r" | "u." label "." k | scope "/" n "." label "." k
           | scope "/!" name [":" userkey] ["." k]
    scope  = strand | key              the spawner's innermost open step, else its strand
    key    = strand "#" n { "." n }    r#4    r#4.0 (inside step r#4)    r/2.fetch.3#0

No run, fork, session or checkpoint id ever enters one: a replay must arrive at the same names.
"""

from __future__ import annotations

import hashlib
import re

ROOT_STRAND = "r"
POINTS, DRAWS = "points", "draws"
"""Names of the notes beside the steps (`points.py`, `draws.py`), and roles of their artifacts."""
PATH_LIMIT = 200
"""Bytes of a scope; the front of a longer one is replaced by its digest."""
LABEL_LIMIT = 40
_OTHER = re.compile(r"[^A-Za-z0-9_]")


def label(name: str) -> str:
    """The label of a callable's bare `__name__`: `[A-Za-z0-9_]`, at most 40, `-` if none."""
    return _OTHER.sub("_", name)[:LABEL_LIMIT] or "-"


def is_key(scope: str) -> bool:
    """Whether a scope is an open step (`r#4`), not a strand."""
    return "#" in scope.rpartition("/")[2]


def call_key(scope: str, count: int) -> str:
    """The key of call number `count` (0, 1, ...) of a scope."""
    return f"{scope}{'.' if is_key(scope) else '#'}{count}"


def child_strand(scope: str, *, count: int, name: str, repeat: int) -> str:
    """The strand spawned in `scope` after `count` calls, the `repeat`-th of its label there."""
    return f"{shortened(scope)}/{count}.{label(name)}.{repeat}"


def shortened(scope: str) -> str:
    """A scope of at most 200 bytes: the front of a longer one becomes `~` and 16 hex of SHA-256."""
    encoded = scope.encode()
    if len(encoded) <= PATH_LIMIT:
        return scope
    return "~" + hashlib.sha256(encoded).hexdigest()[:16]


def scope_of(key: str) -> str:
    """The scope a call key counts in: `r#4.0` counts in `r#4`, `r#4` in `r`."""
    front, _, numbers = key.rpartition("#")
    inner, dot, _ = numbers.rpartition(".")
    return f"{front}#{inner}" if dot else front


def number_of(key: str) -> int:
    """The place of a call in its scope."""
    return int(key.rpartition("#")[2].rpartition(".")[2])


def strand_of(key: str) -> str:
    """The strand a call ran on."""
    return key.rpartition("#")[0]


def spawner_of(strand: str) -> str | None:
    """The scope that spawned a strand; None for the root and for foreign threads."""
    front, slash, _ = strand.rpartition("/")
    return front if slash else None


def spawned_at(strand: str) -> int | None:
    """How many calls its spawner had begun; None where a user named the strand (`/!name`)."""
    count = strand.rpartition("/")[2].partition(".")[0]
    return int(count) if count.isdigit() else None


def parent_scope(scope: str) -> str | None:
    """The scope a scope stands in: of a key its own scope, of a strand its spawner."""
    return scope_of(scope) if is_key(scope) else spawner_of(scope)


def opening(key: str) -> str:
    """The point at which a stream hands over its first chunk."""
    return key + "^"


def sleeping(scope: str, number: int) -> str:
    """The point at which a sleep is over."""
    return f"{scope}~{number}"
