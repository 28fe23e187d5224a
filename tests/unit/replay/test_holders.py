"""Replaced answers in later inputs: told apart by call id where texts are equal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from conversations import FAMILIES, results
from forkpoint.content import MemoryBlocks, digest_from_text, digest_text, encode
from forkpoint.content.decode import decode
from forkpoint.replay.holders import Replacements, texts_of
from forkpoint.replay.interception import Outcome

SAME = "the page of the hotel, as it is"


def rewritten(messages: list[Any], replaced: Mapping[str, str], equal: Mapping[str, str]) -> Any:
    """Messages with answers replaced by call id; `equal`: what all calls came to."""
    blocks = MemoryBlocks()
    found = Replacements(blocks.get, blocks.put)
    for call_id, text in replaced.items():
        others = [
            (other, texts_of(Outcome(output=said)))
            for other, said in equal.items()
            if other != call_id
        ]
        old = Outcome(output=equal[call_id])
        found.tell_apart(old, others)
        found.add(old, Outcome(output=text), call_id=call_id)
    root = digest_text(encode(messages, blocks.put))
    return decode_text(found.rewritten(root), blocks)


def decode_text(root: str, blocks: MemoryBlocks) -> Any:
    return decode(digest_from_text(root), blocks.get)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_later_call_that_came_to_the_same_keeps_its_answer(family: str):
    talk = results(family, "a", SAME) + results(family, "b", SAME)

    new = rewritten(talk, {"a": "clean"}, {"a": SAME, "b": SAME})

    assert new == results(family, "a", "clean") + results(family, "b", SAME)


@pytest.mark.parametrize("family", FAMILIES)
def test_two_equal_answers_are_replaced_by_different_ones(family: str):
    talk = results(family, "a", SAME) + results(family, "b", SAME)

    new = rewritten(talk, {"a": "first", "b": "second"}, {"a": SAME, "b": SAME})

    assert new == results(family, "a", "first") + results(family, "b", "second")


def test_an_answer_that_holds_the_text_of_another_call_stays_as_its_call_gave_it():
    longer = f"it says: {SAME}!"
    talk = results("chat", "a", SAME) + results("chat", "b", longer)

    new = rewritten(talk, {"a": "clean"}, {"a": SAME, "b": longer})

    assert new == results("chat", "a", "clean") + results("chat", "b", longer)


def test_outside_of_results_a_replaced_text_is_replaced_wherever_it_stands():
    talk = [*results("chat", "b", SAME), {"role": "user", "content": f"I read: {SAME}"}]

    new = rewritten(talk, {"a": "clean"}, {"a": SAME, "b": SAME})

    assert new == [*results("chat", "b", SAME), {"role": "user", "content": "I read: clean"}]
