"""What is wrong with a tree is found, named, and costs no more than its budget."""

from __future__ import annotations

import pytest
from forkpoint.content import (
    BODY_BYTES,
    Limits,
    MemoryBlocks,
    check_body,
    decode,
    digest_of,
    digest_text,
    encode,
    verify,
)
from forkpoint.content.errors import (
    ContentError,
    CorruptBlock,
    LimitExceeded,
    UnsupportedFormat,
)
from unit.content.values import root_of, stored

DIGEST = "A" * 43
TREE = {
    "list": [{"n": number, "text": "lorem " * number} for number in range(80)],
    "text": "".join(f"line {number}\n" for number in range(3000)),
    "bytes": bytes(40_000),
    "large": {f"key {number}": number for number in range(3000)},
    "odd": {1: "a", "1": "b", None: "c" * 300},
}


def test_one_flipped_bit_anywhere_is_found(rnd):
    root, blocks = stored(TREE)
    for digest in rnd.sample(sorted(blocks), 60):
        whole = blocks.blocks[digest]
        at = rnd.randrange(len(whole))
        broken = whole[:at] + bytes([whole[at] ^ 1 << rnd.randrange(8)]) + whole[at + 1 :]
        blocks.blocks[digest] = broken

        with pytest.raises(CorruptBlock) as refused:
            decode(root, blocks.get)

        assert refused.value.details["digest"] == digest_text(digest)
        blocks.blocks[digest] = whole


def forged(*bodies):
    """A store of bodies in which `{0}`, `{1}` ... name the digests of the ones before."""
    blocks = MemoryBlocks()
    names = []
    for body in bodies:
        for place, name in enumerate(names):
            body = body.replace(f"{{{place}}}", name)
        digest = digest_of(body.encode())
        blocks.put(digest, body.encode())
        names.append(digest_text(digest))
    return digest, blocks


@pytest.mark.parametrize(
    "bodies",
    [
        ('["~g",1,2]', '["~l",4,"~:{0}:3",null,[3]]'),
        ('["~g",1,2]', '["~l",4,"~:{0}:2",null,[3]]'),
        ('["~g",1,2]', '["~l",3,null,"~:{0}:2",[3]]'),
        (
            '["~g",1,2]',
            '["~g","~:{0}:2"]',
            '["~q",9,"~:{1}:2",null,[3]]',
            '["~l",1,"~:{0}:2","~:{2}:9",[]]',
        ),
        ('["~g",1,2]', '["~g",3]', '["~l",2,"~:{0}:2","~:{1}:1",[]]'),
        ('"abc"', '["~s",4,null,null,["~:{0}:4"]]'),
        ('"abc"', '["~y",3,null,null,["~:{0}:3"]]'),
        ('["~g",1]',),
        ('["~l",1,null,null]',),
        ('["~m",1,null,null,[[1,2]]]',),
        ('["~m",1,null,null,[["a"]]]',),
        ('["~m",2,null,null,[["a",1],["a",2]]]',),
        ('["~d",1,null,null,[[{"a":1},2]]]',),
        ('[["~l",0,null,null,[]]]',),
        ('"~:' + DIGEST + '"',),
        ('"~ix"',),
        ('"~b*"',),
        ('["~:\\u0041' + "A" * 42 + '"]',),
        ("{",),
    ],
    ids=str,
)
def test_a_wrong_count_form_or_nesting_is_corrupt(bodies):
    root, blocks = forged(*bodies)

    with pytest.raises(ContentError) as refused:
        decode(root, blocks.get)

    assert refused.value.code in ("block_corrupt", "block_missing")


@pytest.mark.parametrize("body", ['["~z",1]', '"~x"', '"~"', '{"a":"~k"}', '["~lx"]'])
def test_an_unknown_tag_is_of_a_newer_format(body):
    root, blocks = forged(body)

    with pytest.raises(UnsupportedFormat):
        decode(root, blocks.get)
    with pytest.raises(UnsupportedFormat):
        check_body(body.encode())


def test_forty_levels_of_tenfold_sharing_are_refused_before_they_expand():
    bodies = ['"' + "x" * 200 + '"']
    for level in range(40):
        bodies.append("[" + ",".join([f'"~:{{{level}}}"'] * 10) + "]")
    root, blocks = forged(*bodies)

    with pytest.raises(LimitExceeded) as refused:
        decode(root, blocks.get)

    assert refused.value.details["name"] == "decode_bytes"


def test_a_reader_may_give_a_smaller_budget():
    root, blocks = stored(["x" * 5000] * 100)

    assert decode(root, blocks.get)
    with pytest.raises(LimitExceeded):
        decode(root, blocks.get, Limits(decode_bytes=100_000))


def test_a_chain_of_levels_does_not_exhaust_the_stack():
    bodies = ['["~g",1]', '["~g","~:{0}:1"]']
    for level in range(2, 300):
        bodies.append(f'["~q",{level},"~:{{1}}:1","~:{{{level - 1}}}:{level - 1}",[]]')
    root, blocks = forged(*bodies, '["~l",300,"~:{0}:1","~:{299}:299",[]]')

    with pytest.raises(ContentError):
        decode(root, blocks.get)


@pytest.mark.parametrize(
    "body",
    [
        b"1.0",
        b"1e2",
        b"1E400",
        b"9007199254740993",
        b"-0",
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b"[1, 2]",
        b'"\\u0041"',
        b'"\\/"',
        b'"\\u007e:x"',
        '{"\ufb33":1,"😀":2}'.encode(),
        b'"\xff"',
        b"",
        b"[" * 70 + b"]" * 70,
    ],
)
def test_a_body_in_another_form_than_canonical_is_refused(body):
    with pytest.raises(CorruptBlock):
        check_body(body)


@pytest.mark.parametrize(
    "body", [b"1e+21", b"1.5", b"-1e-7", b"100000000000000000000", '{"😀":1,"\ufb33":2}'.encode()]
)
def test_canonical_numbers_and_key_order_pass(body):
    assert check_body(body) == []


def test_a_body_larger_than_any_block_is_refused():
    with pytest.raises(LimitExceeded):
        check_body(b'"' + b"x" * BODY_BYTES + b'"')


def test_verify_refuses_other_chunk_boundaries_than_those_of_the_format():
    value = list(range(3000))
    blocks = MemoryBlocks()
    body = b"[" + b",".join(b"%d" % number for number in value) + b"]"
    root = digest_of(body)
    blocks.put(root, body)

    assert decode(root, blocks.get) == value
    assert root != root_of(value)
    with pytest.raises(CorruptBlock):
        verify(root, blocks.get)


def test_the_largest_body_is_98_kilobytes_of_escaped_zeros():
    blocks = MemoryBlocks()
    encode("\0" * 100_000, blocks.put)

    assert max(map(len, blocks.blocks.values())) == 16_384 * 6 + 2
