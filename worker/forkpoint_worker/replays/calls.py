"""Live calls of a session: each is a row before it is made, and never made twice.

What a resumed session was answered is taken over where this one asks exactly the same.
"""

from __future__ import annotations

import dataclasses

import orjson
from forkpoint.errors import ReplayError
from forkpoint.replay.fresh import Reply
from forkpoint_server.db.engine import Database, driver
from forkpoint_server.replay.rows import SessionRow

_ASKED = "asked"
"""Member of a kept answer: the digest of what was asked."""


class LiveCalls:
    """The calls of one session, and of those it resumes."""

    def __init__(self, database: Database, project_id: int, session: SessionRow) -> None:
        self._database = database
        self._project_id = project_id
        self._session = session

    async def claim(self, key: str, fence: int, *, signature: str | None) -> Reply | None:
        """Write down that a call is about to be made; its answer if it was made before.

        `signature` is the digest of what is asked.

        Raises `ReplayError` `outcome_unknown` if it was begun and never answered.
        """
        session = self._session
        async with self._database.transaction(self._project_id) as connection:
            raw = await driver(connection)
            rows = await raw.fetch(
                """
                with recursive chain (session_id, resumes) as (
                  select session_id, resumes
                  from replay_session
                  where run_id = $1 and session_id = $2
                  union
                  select other.session_id, other.resumes
                  from chain
                  join replay_session as other
                    on other.run_id = $1 and other.session_id = chain.resumes)
                select call.session_id::text, call.answer::text
                from chain
                join replay_call as call
                  on call.run_id = $1 and call.session_id = chain.session_id and call.key = $3
                """,
                session.run_id,
                session.session_id,
                key,
            )
            answers = {row["session_id"]: row["answer"] for row in rows}
            own = answers.get(session.session_id)
            if own is not None:
                return _reply(own)
            for answer in answers.values():
                if answer is not None and _asked(answer) == signature is not None:
                    return _reply(answer)
            if session.session_id in answers:
                raise ReplayError(
                    "this call was begun and its answer never came; it is not made again",
                    code="outcome_unknown",
                    key=key,
                )
            await raw.execute(
                """
                insert into replay_call (run_id, session_id, key, project_id, fence)
                values ($1, $2, $3, $4, $5)
                """,
                session.run_id,
                session.session_id,
                key,
                self._project_id,
                fence,
            )
        return None

    async def answer(self, key: str, reply: Reply, *, signature: str | None) -> None:
        """Keep the masked answer of a call, with what was asked."""
        await self._write(
            "update replay_call set answer = $4::jsonb"
            " where run_id = $1 and session_id = $2 and key = $3",
            key,
            orjson.dumps({**dataclasses.asdict(reply), _ASKED: signature}).decode(),
        )

    async def forget(self, key: str) -> None:
        """Take back a call that was never sent."""
        await self._write(
            "delete from replay_call where run_id = $1 and session_id = $2 and key = $3", key
        )

    async def _write(self, statement: str, key: str, *values: object) -> None:
        session = self._session
        async with self._database.transaction(self._project_id) as connection:
            raw = await driver(connection)
            await raw.execute(statement, session.run_id, session.session_id, key, *values)


def _reply(answer: str) -> Reply:
    fields = orjson.loads(answer)
    fields.pop(_ASKED, None)
    return Reply(**fields)


def _asked(answer: str) -> object:
    return orjson.loads(answer).get(_ASKED)
