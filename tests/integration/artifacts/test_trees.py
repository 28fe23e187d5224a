from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from forkpoint.content import decode, digest_text, encode
from forkpoint_server.artifacts.trees import (
    Items,
    Outline,
    items_at,
    load_closure,
    outline_at,
    value_at,
)
from forkpoint_server.db.engine import Database
from forkpoint_server.errors import BadRequest, LimitExceeded, NotFound
from forkpoint_server.ingestion.batch import ingest
from forkpoint_server.live.publish import Silent
from forkpoint_server.security.principals import Principal
from sqlalchemy.ext.asyncio import AsyncConnection

MESSAGES = [{"role": "user", "content": f"message {n} " * 30} for n in range(700)]
VALUE = {
    "messages": MESSAGES,
    "~odd": {"~/x": 1, "plain": [1, 2.5, None, True, "~t", b"\x00\xff"]},
    "wide": {f"key {n:05}": ["x" * 50, n] for n in range(1500)},
    "text": "".join(f"line {n} of a long text\n" for n in range(2000)),
    "tags": {7: "seven", None: "none"},
}


@pytest.fixture
async def stored(
    open_database: Database, principal: Principal
) -> AsyncIterator[tuple[AsyncConnection, bytes]]:
    blocks: dict[bytes, bytes] = {}
    root = encode(VALUE, blocks.__setitem__)
    texts = [body.decode() for body in blocks.values()]
    await ingest(open_database, principal, events=[], blocks=texts, live=Silent())
    async with open_database.reading(1) as connection:
        yield connection, root


async def test_a_closure_decodes_to_the_value(stored: tuple[AsyncConnection, bytes]):
    connection, root = stored

    blocks = await load_closure(connection, 1, [root], budget=8_000_000)

    assert decode(root, lambda wanted: {digest: blocks[digest] for digest in wanted}) == VALUE


async def test_a_closure_over_its_budget_is_refused(stored: tuple[AsyncConnection, bytes]):
    connection, root = stored

    with pytest.raises(LimitExceeded):
        await load_closure(connection, 1, [root], budget=10_000)


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("/messages/0", MESSAGES[0]),
        ("/messages/350/role", "user"),
        ("/messages/699", MESSAGES[699]),
        ("/~0odd/~0~1x", 1),
        ("/~0odd/plain", VALUE["~odd"]["plain"]),
        ("/~0odd/plain/5", b"\x00\xff"),
        ("/wide/key 00777/1", 777),
        ("/tags", VALUE["tags"]),
        ("/text", VALUE["text"]),
        ("/messages", MESSAGES),
        ("", VALUE),
    ],
)
async def test_a_pointer_leads_to_its_value(
    stored: tuple[AsyncConnection, bytes], pointer: str, value: object
):
    connection, root = stored

    assert await value_at(connection, 1, root, pointer) == value


@pytest.mark.parametrize(
    "pointer", ["/nothing", "/messages/700", "/messages/x", "/text/0", "/wide/key", "/messages/-1"]
)
async def test_a_pointer_that_leads_nowhere_is_not_found(
    stored: tuple[AsyncConnection, bytes], pointer: str
):
    connection, root = stored

    with pytest.raises(NotFound):
        await value_at(connection, 1, root, pointer)


async def test_a_pointer_that_is_none_is_a_bad_request(stored: tuple[AsyncConnection, bytes]):
    connection, root = stored

    with pytest.raises(BadRequest):
        await value_at(connection, 1, root, "messages")


async def test_one_message_of_a_long_list_costs_a_fraction_of_it(
    stored: tuple[AsyncConnection, bytes],
):
    connection, root = stored

    value = await value_at(connection, 1, root, "/messages/400/content", budget=60_000)

    assert value == MESSAGES[400]["content"]
    with pytest.raises(LimitExceeded):
        await value_at(connection, 1, root, "/messages", budget=60_000)


@pytest.mark.parametrize("start", [0, 1, 17, 340, 690, 699, 700, 9000])
async def test_items_of_a_list_come_by_index(stored: tuple[AsyncConnection, bytes], start: int):
    connection, root = stored

    items = await items_at(connection, 1, root, "/messages", start=start, count=20)

    assert items == Items(total=700, keys=None, values=tuple(MESSAGES[start : start + 20]))


async def test_items_of_a_dict_come_with_their_keys(stored: tuple[AsyncConnection, bytes]):
    connection, root = stored

    wide = await items_at(connection, 1, root, "/wide", start=1000, count=2)
    odd = await items_at(connection, 1, root, "/~0odd", start=0, count=1)

    assert (wide.total, wide.keys) == (1500, ("key 01000", "key 01001"))
    assert wide.values == (["x" * 50, 1000], ["x" * 50, 1001])
    assert (odd.keys, odd.values) == (("plain",), (VALUE["~odd"]["plain"],))


async def test_an_outline_tells_type_and_size_without_the_value(
    stored: tuple[AsyncConnection, bytes],
):
    connection, root = stored
    expected = {
        "": Outline(type="object", count=5),
        "/messages": Outline(type="array", count=700),
        "/text": Outline(type="string", count=len(VALUE["text"])),
        "/wide": Outline(type="object", count=1500),
        "/~0odd/plain/0": Outline(type="number", count=0),
        "/~0odd/plain/2": Outline(type="null", count=0),
        "/~0odd/plain/3": Outline(type="boolean", count=0),
        "/~0odd/plain/4": Outline(type="string", count=2),
        "/~0odd/plain/5": Outline(type="bytes", count=2),
    }

    assert {p: await outline_at(connection, 1, root, p) for p in expected} == expected


async def test_a_tree_of_another_project_is_not_found(
    open_database: Database, stored: tuple[AsyncConnection, bytes]
):
    _, root = stored

    async with open_database.reading(2) as connection:
        with pytest.raises(NotFound):
            await value_at(connection, 1, root)
    assert len(digest_text(root)) == 43
