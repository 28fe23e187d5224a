"""Tokens as their owners see them afterwards."""

from __future__ import annotations

from typing import Self

import strawberry

from forkpoint_server.graphql.scalars import BigInt, big
from forkpoint_server.security.tokenstore import StoredToken


@strawberry.type(description="A token; its secret was shown once, when it was made.")
class Token:
    """Filled from one row."""

    id: strawberry.ID
    name: str
    scopes: list[str]
    created_ns: BigInt
    expires_ns: BigInt | None = strawberry.field(description="null: it does not expire")
    last_used_ns: BigInt | None = strawberry.field(description="To the hour; null: never")

    @classmethod
    def of(cls, stored: StoredToken) -> Self:
        """The token of a row."""
        return cls(
            id=strawberry.ID(stored.token_id),
            name=stored.name,
            scopes=list(stored.scopes),
            created_ns=BigInt(stored.created_ns),
            expires_ns=big(stored.expires_ns),
            last_used_ns=big(stored.last_used_ns),
        )
