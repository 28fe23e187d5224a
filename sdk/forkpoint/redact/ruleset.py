"""A ruleset: everything but the key and the secrets that decides what redaction masks."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

from forkpoint.events.canonical import Plain, canonical_bytes
from forkpoint.redact.names import RULES

TOKEN_FORMAT = "rx1"
NESTED_JSON = 6
"""Levels of JSON in strings that are read."""
LEAVES = 200_000
"""Strings and numbers of one payload; more are refused."""
DEPTH = 64


@dataclass(frozen=True, kw_only=True)
class Ruleset:
    """Rule packs and a project's settings; equal ids mean equal results under an equal key."""

    packs: tuple[str, ...] = ("core",)
    secret_keys: tuple[str, ...] = ()
    safe_keys: tuple[str, ...] = ()

    @cached_property
    def ruleset_id(self) -> str:
        """First 16 hex digits of SHA-256 over the canonical form of packs, settings and format."""
        packs: dict[str, Plain] = {"core": {"names": {kind: list(n) for kind, n in RULES.items()}}}
        content: dict[str, Plain] = {
            "format": TOKEN_FORMAT,
            "packs": {name: packs[name] for name in self.packs},
            "settings": {
                "nested_json": NESTED_JSON,
                "safe_keys": sorted(self.safe_keys),
                "secret_keys": sorted(self.secret_keys),
            },
        }
        return hashlib.sha256(canonical_bytes(content)).hexdigest()[:16]
