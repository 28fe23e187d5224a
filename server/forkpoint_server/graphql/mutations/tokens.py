"""Making and ending tokens."""

from __future__ import annotations

import secrets
from enum import Enum

import strawberry
from sqlalchemy.ext.asyncio import AsyncConnection

from forkpoint_server.db.engine import driver
from forkpoint_server.errors import BadRequest
from forkpoint_server.graphql.context import Context, Info
from forkpoint_server.graphql.guards import Needs
from forkpoint_server.graphql.types.token import Token
from forkpoint_server.security.audit import Action, Entry, record
from forkpoint_server.security.scopes import Scope, read_scopes
from forkpoint_server.security.tokens import (
    DAY_NS,
    DEFAULT_DAYS,
    LONGEST_DAYS,
    make_token,
)
from forkpoint_server.security.tokenstore import StoredToken, revoke_token, store_token

ADMIN = Needs(Scope.ADMIN)
NAME_LIMIT = 100


@strawberry.enum(name="TokenKind", description="Who holds a token; it stands in its text.")
class TokenKindName(Enum):
    """A person, a service, or a single run."""

    PAT = "pat"
    SVC = "svc"
    RUN = "run"


@strawberry.input(description="Who gets a token and what for.")
class CreateTokenInput:
    """Scopes are those of the security guide; at most 365 days."""

    name: str
    scopes: list[str]
    kind: TokenKindName = TokenKindName.PAT
    expires_in_days: int = DEFAULT_DAYS


@strawberry.type(description="The new token.")
class CreateTokenPayload:
    """`secret` is the whole text of the token. It is not stored and never shown again."""

    token: Token
    secret: str


@strawberry.input(description="Which token to end.")
class RevokeTokenInput:
    """By its id, which is the part of its text before the secret."""

    id: strawberry.ID


@strawberry.type(description="The token that was ended.")
class RevokeTokenPayload:
    """Open sockets of the token close within a minute."""

    token: Token


@strawberry.type
class TokenMutation:
    """Part of the mutation type."""

    @strawberry.mutation(extensions=[ADMIN])
    async def create_token(self, info: Info, input: CreateTokenInput) -> CreateTokenPayload:
        """Make a token of this project."""
        context = info.context
        if not 1 <= len(input.name) <= NAME_LIMIT or not input.name.isprintable():
            raise BadRequest(f"`name` must have 1 to {NAME_LIMIT} characters", field="name")
        if not 1 <= input.expires_in_days <= LONGEST_DAYS:
            raise BadRequest(f"tokens live 1 to {LONGEST_DAYS} days", field="expiresInDays")
        now_ns = context.services.clock()
        token = make_token(input.kind.value, secrets.token_bytes(25))
        async with context.services.database.transaction(context.project_id) as connection:
            stored = await store_token(
                connection,
                context.project_id,
                token,
                name=input.name,
                scopes=read_scopes(input.scopes),
                now_ns=now_ns,
                expires_ns=now_ns + input.expires_in_days * DAY_NS,
            )
            await _note(context, connection, Action.TOKEN_CREATED, stored, now_ns=now_ns)
        return CreateTokenPayload(token=Token.of(stored), secret=token.text)

    @strawberry.mutation(extensions=[ADMIN])
    async def revoke_token(self, info: Info, input: RevokeTokenInput) -> RevokeTokenPayload:
        """End a token now."""
        context = info.context
        now_ns = context.services.clock()
        async with context.services.database.transaction(context.project_id) as connection:
            stored = await revoke_token(connection, context.project_id, input.id, now_ns=now_ns)
            await _note(context, connection, Action.TOKEN_REVOKED, stored, now_ns=now_ns)
        context.services.authenticator.forget(stored.token_id)
        return RevokeTokenPayload(token=Token.of(stored))


async def _note(
    context: Context,
    connection: AsyncConnection,
    action: Action,
    token: StoredToken,
    *,
    now_ns: int,
) -> None:
    facts = {"name": token.name, "scopes": list(token.scopes), "expiresNs": token.expires_ns}
    entry = Entry(action=action, target=token.token_id, facts=facts)
    await record(await driver(connection), context.principal, entry, now_ns=now_ns)
