"""What every operation passes first: the size of its text, the bounds of its document, its door."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from graphql import DocumentNode, GraphQLError
from strawberry.extensions import SchemaExtension
from strawberry.types.graphql import OperationType

from forkpoint_server.errors import BadRequest, Forbidden, LimitExceeded, ServerError
from forkpoint_server.graphql.limits import check_document

if TYPE_CHECKING:
    from forkpoint_server.graphql.context import Context

_INTROSPECTION = re.compile(r"\b__(schema|type)\b")
_DOCUMENTS_KEPT = 256
_DOCUMENT_CHARACTERS = 16_384
"""Longer documents are not kept: clients send a few short ones again and again."""


class Documents:
    """Documents that were parsed and found valid, by their text; used last, forgotten last."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, DocumentNode] = OrderedDict()

    def get(self, query: str) -> DocumentNode | None:
        """The document, if it is known to be valid."""
        if query in self._known:
            self._known.move_to_end(query)
        return self._known.get(query)

    def keep(self, query: str, document: DocumentNode) -> None:
        """Remember a valid document."""
        if len(query) <= _DOCUMENT_CHARACTERS:
            self._known[query] = document
        while len(self._known) > _DOCUMENTS_KEPT:
            self._known.popitem(last=False)


class Gate(SchemaExtension):
    """Refuses before anything is validated or executed; one instance for each operation."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def on_operation(self) -> Iterator[None]:
        """Bound what the lexer will read."""
        limits = self._context.services.settings.limits
        self.execution_context.parse_options["max_tokens"] = limits.tokens
        yield

    def on_parse(self) -> Iterator[None]:
        """Take a document that was seen before."""
        known = self._documents.get(self.execution_context.query or "")
        if known is not None:
            self.execution_context.graphql_document = known
            self.execution_context.validation_rules = ()
        yield

    def on_validate(self) -> Iterator[None]:
        """Check bounds and door; if they hold, let the library validate."""
        execution = self.execution_context
        try:
            self._check(execution.query or "", cast("DocumentNode", execution.graphql_document))
        except ServerError as error:
            execution.pre_execution_errors = [GraphQLError(error.message, original_error=error)]
        yield
        if execution.query and execution.graphql_document and not execution.pre_execution_errors:
            self._documents.keep(execution.query, execution.graphql_document)

    @property
    def _context(self) -> Context:
        # every door passes a Context
        return cast("Context", self.execution_context.context)

    def _check(self, query: str, document: DocumentNode) -> None:
        limit = self._context.services.settings.limits.query
        if len(query) > limit:
            raise LimitExceeded("query", limit)
        if _INTROSPECTION.search(query) and self._context.principal.token_id is not None:
            raise Forbidden("introspection is open on loopback without a token only")
        streams = self.execution_context.operation_type is OperationType.SUBSCRIPTION
        if self._context.is_socket and not streams:
            raise BadRequest("sockets carry subscriptions; send queries and mutations by POST")
        # the library keeps the graphql-core schema in a private attribute
        schema = self.execution_context.schema._schema  # pyright: ignore[reportPrivateUsage]
        check_document(document, schema, self.execution_context.variables or {})
