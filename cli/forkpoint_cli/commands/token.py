"""`forkpoint token`: who may do what; a secret is shown once, when it is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import click

from forkpoint_cli.figures import moment
from forkpoint_cli.output import Column
from forkpoint_cli.session import Session, json_option, pass_session

SCOPES = (
    "ingest",
    "read:meta",
    "read:payload",
    "replay",
    "replay:effects",
    "runner",
    "export",
    "override",
    "admin",
)
_FIELDS = "id name scopes createdNs expiresNs lastUsedNs"
_LIST = f"query {{ tokens {{ {_FIELDS} }} }}"
_CREATE = f"""
mutation ($input: CreateTokenInput!) {{
  createToken(input: $input) {{ token {{ {_FIELDS} }} secret }}
}}
"""
_REVOKE = """
mutation ($input: RevokeTokenInput!) { revokeToken(input: $input) { token { id } } }
"""


@click.group()
def token() -> None:
    """Make, list and revoke access tokens."""


@token.command()
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, type=click.Choice(SCOPES), required=True)
@click.option("--days", default=90, show_default=True, type=click.IntRange(1, 365))
@json_option
@pass_session
def create(session: Session, name: str, scopes: tuple[str, ...], days: int, as_json: bool) -> None:
    """Make a token called NAME; its secret is printed once and never again."""
    wanted = {"name": name, "scopes": list(scopes), "expiresInDays": days}
    answer = session.service.ask(_CREATE, input=wanted)
    made = cast("Mapping[str, object]", answer["createToken"])
    if as_json:
        session.output.json(made)
        return
    session.output.remark(f"token {name}, valid for {days} days; this is shown only now:")
    session.output.say(str(made["secret"]))


@token.command(name="list")
@json_option
@pass_session
def list_tokens(session: Session, as_json: bool) -> None:
    """The tokens of this project, without their secrets."""
    tokens = cast("Sequence[Mapping[str, object]]", session.service.ask(_LIST)["tokens"])
    if as_json:
        session.output.json(tokens)
        return
    session.output.table(
        [
            Column(title="id", style="cyan"),
            Column(title="name"),
            Column(title="scopes"),
            Column(title="expires"),
            Column(title="last used"),
        ],
        [
            [
                str(one["id"]),
                str(one["name"]),
                ", ".join(cast("Sequence[str]", one["scopes"])),
                _when(one["expiresNs"]),
                _when(one["lastUsedNs"]),
            ]
            for one in tokens
        ],
    )


@token.command()
@click.argument("token_id")
@pass_session
def revoke(session: Session, token_id: str) -> None:
    """End a token now."""
    session.service.ask(_REVOKE, input={"id": token_id})
    session.output.remark(f"token {token_id} is revoked")


def _when(ns: object) -> str:
    return moment(int(cast("str", ns))) if ns is not None else "-"
