"""Sketches agree in as many hashes as their texts are alike."""

from __future__ import annotations

import random

import pytest
from forkpoint.content import MemoryBlocks, digest_text, encode
from forkpoint.diff.columns import StepRow
from forkpoint.diff.sketch import HASHES, NO_SKETCH, hash_of, sketch_of
from forkpoint.diff.sketching import Sketcher

WORDS = [f"word{at}" for at in range(5000)]


def agreeing(one: bytes | None, two: bytes | None) -> int:
    assert one and two
    return sum(hash_of(one, which) == hash_of(two, which) for which in range(HASHES))


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.9, 1.0])
def test_hashes_agree_with_the_share_of_grams_in_common(kept: float):
    """Texts that share their beginning: of n grams each, k in common, k / (2n - k) are alike."""
    chance = random.Random(1)
    found = 0
    for _ in range(300):
        words = [chance.choice(WORDS) for _ in range(100)]
        cut = int(kept * 100)
        other = words[:cut] + [chance.choice(WORDS) for _ in range(100 - cut)]
        found += agreeing(sketch_of(" ".join(words)), sketch_of(" ".join(other)))

    common = max(0, int(kept * 100) - 2)
    assert found / (300 * HASHES) == pytest.approx(common / (196 - common), abs=0.05)


def test_a_sketch_is_of_words_whatever_holds_them():
    said = [{"role": "user", "content": "Pay the bill, please"}, 5, None, b"\x00"]

    assert sketch_of(said) == sketch_of(["Pay  the\nbill", "please user", 5])
    assert len(sketch_of("one") or b"") == len(NO_SKETCH)
    assert sketch_of([None, "", {}]) is None


def test_only_what_a_call_adds_to_its_conversation_is_sketched():
    blocks = MemoryBlocks()
    talk = [{"role": "user", "content": f"line {at} of what was said before"} for at in range(50)]
    new = {"role": "user", "content": "and now something that is quite new"}
    other = {"role": "user", "content": "a beginning of another conversation"}

    def step(seq: int, *messages: object) -> StepRow:
        root = digest_text(encode([*messages], blocks.put))
        return StepRow(seq=seq, key=f"r#{seq}", kind="model", name="chat", parts={"messages": root})

    calls = [step(0, *talk), step(1, *talk, new), step(2, other, *talk[1:], new)]

    found = dict(Sketcher().sketches(calls, blocks.get))

    assert found[0] == sketch_of(talk)
    assert found[1] == sketch_of([new]) and found[2] == sketch_of([other])


def test_a_step_whose_blocks_are_lost_has_no_sketch():
    blocks = MemoryBlocks()
    args = digest_text(encode({"query": "where"}, blocks.put))
    steps = [
        StepRow(seq=at, key=f"r#{at}", kind="tool", name="look", parts={"args": root})
        for at, root in enumerate([args, "A" * 43, args])
    ]

    assert [seq for seq, _ in Sketcher().sketches(steps, blocks.get)] == [0, 2]
