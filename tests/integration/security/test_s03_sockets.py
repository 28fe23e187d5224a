"""S3: one protocol, our own origin, a token before anything, and not too much of it."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

import pytest
from forkpoint_server.settings import Limits
from recorded import recorded
from serving import Service, serving, settings_for
from stack import Database
from subscribing import RUN_EVENTS, open_socket, socket_of
from tenants import give_token
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol


async def close_code(service: Service, *messages: dict[str, object]) -> int | None:
    """How the server closes a socket after these messages."""
    async with open_socket(service) as socket:
        for message in messages:
            await socket.send(message)
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                await socket.receive()
    return closed.value.rcvd.code if closed.value.rcvd else None


async def test_s03_a_foreign_origin_gets_403(service: Service):
    with pytest.raises(InvalidStatus) as refused:
        async with open_socket(service, origin="http://evil.example"):
            pass

    assert refused.value.response.status_code == 403


async def test_s03_the_legacy_protocol_gets_4406(service: Service):
    async with connect(service.socket_url, subprotocols=[Subprotocol("graphql-ws")]) as legacy:
        with pytest.raises(ConnectionClosed) as closed:
            await legacy.recv()

    assert closed.value.rcvd
    assert closed.value.rcvd.code == 4406


async def test_s03_subscribing_before_the_acknowledgement_gets_4401(service: Service):
    subscribe = {
        "id": "1",
        "type": "subscribe",
        "payload": {"query": "subscription { runsChanged }"},
    }

    assert await close_code(service, subscribe) == 4401


async def test_s03_a_dead_token_gets_4401(service: Service):
    assert (
        await close_code(service, {"type": "connection_init", "payload": {"token": "fp_pat_x"}})
        == 4401
    )


@pytest.mark.parametrize("text", ["no json", '{"type": "nonsense"}', "{}"])
async def test_s03_malformed_messages_get_4400(service: Service, text: str):
    async with open_socket(service) as socket:
        await socket.connection.send(text)
        with pytest.raises(ConnectionClosed) as closed:
            await socket.receive()

    assert closed.value.rcvd
    assert closed.value.rcvd.code == 4400


async def test_s03_no_connection_init_in_time_gets_4408(database: Database, tmp_path: Path):
    settings = settings_for(database, tmp_path, limits=replace(Limits(), socket_init_s=0.01))
    async with serving(settings) as service:
        assert await close_code(service) == 4408


async def test_s03_one_subscription_too_many_gets_4429(database: Database, tmp_path: Path):
    settings = settings_for(database, tmp_path, limits=replace(Limits(), socket_operations=2))
    async with serving(settings) as service:
        run = recorded(steps=0)
        await run.send_start(service)
        async with socket_of(service) as socket:
            for name in "abc":
                await socket.subscribe(RUN_EVENTS, id=name, run=run.run_id, after="-1")
            with pytest.raises(ConnectionClosed) as closed:
                while True:
                    await socket.receive()

    assert closed.value.rcvd
    assert closed.value.rcvd.code == 4429


async def test_s03_a_token_has_so_many_sockets_and_gets_them_back(
    database: Database, tmp_path: Path
):
    settings = settings_for(database, tmp_path, limits=replace(Limits(), sockets_per_token=1))
    token = give_token(database).text
    init: dict[str, object] = {"type": "connection_init", "payload": {"token": token}}
    async with serving(settings) as service:
        async with socket_of(service, token=token):
            assert await close_code(service, init) == 4429
        while True:
            # the server has to notice that the first one is gone
            async with open_socket(service) as socket:
                await socket.send(init)
                with contextlib.suppress(ConnectionClosed):
                    assert (await socket.receive())["type"] == "connection_ack"
                    break


async def test_s03_a_socket_ends_soon_after_its_token(database: Database, tmp_path: Path):
    settings = settings_for(database, tmp_path, limits=replace(Limits(), socket_recheck_s=0.05))
    token = give_token(database)
    async with serving(settings) as service, socket_of(service, token=token.text) as socket:
        await service.data(
            "mutation($id: ID!) { revokeToken(input: {id: $id}) { token { id } } }",
            id=token.token_id,
        )
        with pytest.raises(ConnectionClosed) as closed:
            await socket.receive()

    assert closed.value.rcvd
    assert closed.value.rcvd.code == 4401


async def test_s03_queries_do_not_go_over_sockets(service: Service):
    async with socket_of(service) as socket:
        await socket.subscribe("{ project { name } }")
        message = await socket.receive()

    assert message["payload"][0]["extensions"]["code"] == "BAD_REQUEST"


async def test_s03_a_message_over_its_limit_closes_the_socket(service: Service):
    async with open_socket(service) as socket:
        await socket.connection.send("x" * 300_000)
        with pytest.raises(ConnectionClosed) as closed:
            await socket.receive()

    assert closed.value.rcvd
    assert closed.value.rcvd.code == 1009
