"""Scopes of fields. A field without one is found by a test that walks the schema."""

from __future__ import annotations

from collections.abc import Callable
from inspect import isawaitable
from types import MappingProxyType
from typing import Any

import strawberry
from strawberry.extensions import FieldExtension
from strawberry.types.field import StrawberryField

from forkpoint_server.security.scopes import Scope

SCOPE = "forkpoint.scope"
"""Key of the scope in a field's metadata."""


class Needs(FieldExtension):
    """Lets the resolver run only for callers with a scope."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    def apply(self, field: StrawberryField) -> None:
        """Write the scope where tests and documentation find it."""
        field.metadata = MappingProxyType({**field.metadata, SCOPE: self.scope})

    # The library passes resolvers and their arguments untyped.
    def resolve(self, next_: Callable[..., Any], source: Any, info: Any, **kwargs: Any) -> Any:
        """Check, then run a resolver that does not wait, or start a subscription."""
        info.context.principal.require(self.scope)
        return next_(source, info, **kwargs)

    async def resolve_async(
        self,
        next_: Callable[..., Any],
        source: Any,
        info: strawberry.Info[Any, Any],
        **kwargs: Any,
    ) -> Any:
        """Check, then run a resolver that waits."""
        info.context.principal.require(self.scope)
        result = next_(source, info, **kwargs)
        # subscriptions hand back an iterator, not an awaitable
        return await result if isawaitable(result) else result
