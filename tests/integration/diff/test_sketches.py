"""Sketches of stored runs: made by a worker when a run is over, whatever door it came through."""

from __future__ import annotations

from integration.diff.test_comparisons import Talk, said
from integration.diff.test_requests import work_off
from serving import Service
from stack import Database

DIFF = """query($a: ID!, $b: ID!) { diff(a: $a, b: $b) { rows(first: 50) { nodes {
  how left { key } right { key } } } } }"""
TEXTS = [
    "the flight to Rome leaves at nine in the morning from the second gate",
    "a room with a view of the river was free for two nights only",
    "the card was refused by the bank because its limit had been reached",
]


def asked(texts: list[str], note: str) -> Talk:
    """Calls of one name with a prompt each: nothing but their texts tells them apart."""
    run = Talk()
    for at, text in enumerate(texts):
        run.model(f"r#{at}", [said("user", f"{note} {text}")], f"{note}: {at}")
    return run


async def test_similar_calls_pair_by_their_texts_once_the_runs_are_over(
    service: Service, database: Database
):
    one, two = asked(TEXTS, "sum up that"), asked([TEXTS[1], TEXTS[2]], "tell me how")
    await one.send(service)
    await two.send(service)
    await work_off(database)

    sizes = database.sql("select distinct octet_length(sketch) from step")
    rows = (await service.data(DIFF, a=one.run_id, b=two.run_id))["diff"]["rows"]["nodes"]

    assert sizes == "16"
    pairs = [(r["left"]["key"], r["right"]["key"], r["how"]) for r in rows if r["right"]]
    assert pairs == [("r#1", "r#0", "similar"), ("r#2", "r#1", "similar")]
