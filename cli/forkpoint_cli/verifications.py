"""Causes verified by the service: by a runner that has the program, or a worker without it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import cast

from forkpoint_cli.errors import CliError, Refused
from forkpoint_cli.session import Session

Fields = Mapping[str, object]
_VERIFY = """
mutation ($i: VerifyCauseInput!) { verifyCause(input: $i) {
  plan { least most roots { row key name edits } replay { waits refusals { code message } } }
  attribution { id }
} }"""
_FOLLOW = """
subscription ($id: ID!) { attributionProgress(id: $id) { state reason message report } }"""
_CANCEL = """
mutation ($id: ID!) { cancelVerification(input: {attribution: $id}) { attribution { state } } }"""


def plan(session: Session, asked: Fields) -> Fields:
    """What would be done. Raises `Refused` for what cannot be."""
    found = cast("Fields", session.service.ask(_VERIFY, i={**asked, "dryRun": True})["verifyCause"])
    planned = cast("Fields", found["plan"])
    for refusal in cast("list[Fields]", cast("Fields", planned["replay"])["refusals"]):
        raise Refused(str(refusal["message"]), code=str(refusal["code"]))
    return planned


def verified(session: Session, asked: Fields) -> Fields:
    """Have it done, and wait; its report. Stopping the wait stops the verification."""
    found = cast("Fields", session.service.ask(_VERIFY, i=asked)["verifyCause"])
    begun = str(cast("Fields", found["attribution"])["id"])
    try:
        last = asyncio.run(_followed(session, begun))
    except KeyboardInterrupt:
        session.service.ask(_CANCEL, id=begun)
        raise
    if last["state"] != "finished":
        raise CliError(f"the verification {last['state']}: {last['message'] or last['reason']}")
    return cast("Fields", last["report"])


async def _followed(session: Session, attribution: str) -> Fields:
    last: Fields = {}
    said = -1
    async for answer in session.service.subscribe(_FOLLOW, id=attribution):
        last = cast("Fields", answer["attributionProgress"])
        report = cast("Fields", last["report"])
        over = cast("int", report["sessions"])
        if over != said and last["state"] == "running":
            said = over
            session.output.remark(f"{over} replays are over")
    return last
