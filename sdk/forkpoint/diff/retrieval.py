"""Ranked lists of documents: what came and went, how ranks moved, RBO and Kendall's tau."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import cast

PERSISTENCE = 0.9
"""p of RBO: how far down the list still counts."""


def compare_documents(a: Sequence[object], b: Sequence[object]) -> dict[str, object]:
    """{"added", "removed", "rewritten": ids; "moved": [{id, a, b}]; "rbo"; "tau"}.

    `rewritten` has the same id and another text. Ranks count from 0; `tau` is None below three
    common documents.
    """
    left, right = [_identity(item) for item in a], [_identity(item) for item in b]
    place_a = {name: rank for rank, name in enumerate(left)}
    place_b = {name: rank for rank, name in enumerate(right)}
    common = [name for name in place_a if name in place_b]
    return {
        "added": [name for name in right if name not in place_a],
        "removed": [name for name in left if name not in place_b],
        "moved": [
            {"id": name, "a": place_a[name], "b": place_b[name]}
            for name in common
            if place_a[name] != place_b[name]
        ],
        "rewritten": [name for name in common if a[place_a[name]] != b[place_b[name]]],
        "rbo": round(rank_biased_overlap(left, right), 6),
        "tau": kendall_tau([place_a[name] for name in common], [place_b[name] for name in common]),
    }


def rank_biased_overlap(a: Sequence[str], b: Sequence[str], p: float = PERSISTENCE) -> float:
    """(1-p) / (1-p^k) * sum of p^(d-1) * overlap at depth d / d, k the longer list.

    W. Webber, A. Moffat, J. Zobel, "A similarity measure for indefinite rankings", TOIS 2010,
    truncated at k and normalised so that equal lists give 1. Two empty lists give 1.
    """
    depth = max(len(a), len(b))
    if depth == 0:
        return 1.0
    total = sum(p ** (d - 1) * len(set(a[:d]) & set(b[:d])) / d for d in range(1, depth + 1))
    return (1 - p) / (1 - p**depth) * total


def kendall_tau(a: Sequence[int], b: Sequence[int]) -> float | None:
    """Concordant less discordant pairs, as a share of all; None below three (Kendall 1938)."""
    if len(a) < 3:
        return None
    signs = [
        1 if (a[i] - a[j]) * (b[i] - b[j]) > 0 else -1 for i, j in combinations(range(len(a)), 2)
    ]
    return round(sum(signs) / len(signs), 6)


def _identity(document: object) -> str:
    if isinstance(document, Mapping):
        fields = cast("Mapping[str, object]", document)
        for name in ("id", "document_id", "doc_id"):
            if fields.get(name) is not None:
                return str(fields[name])
    return json.dumps(document, sort_keys=True, default=repr)[:200]
