"""Values through blocks and back."""

from __future__ import annotations

import json
from contextlib import suppress

import orjson
import pytest
from forkpoint.content import (
    LIMITS,
    REFERENCE,
    Limits,
    ListEncoder,
    MemoryBlocks,
    NotEncodable,
    TextEncoder,
    check_body,
    contains,
    decode,
    digest_from_text,
    digest_of,
    digest_text,
    encode,
    restore,
    shape,
    verify,
    walk,
)
from forkpoint.content.errors import CorruptBlock, LimitExceeded, MissingBlock, UnsupportedFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unit.content.values import VALUE, jcs_equal, root_of, stored

QUICK = settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@QUICK
@given(VALUE)
def test_a_decoded_value_equals_the_encoded_one(value):
    root, blocks = stored(value)

    assert jcs_equal(value, decode(root, blocks.get))
    verify(root, blocks.get)


@QUICK
@given(VALUE)
def test_a_restored_value_prints_the_same(value):
    root, blocks = stored(value)
    kept_root, kept = stored(shape(value))

    restored = restore(decode(root, blocks.get), decode(kept_root, kept.get))

    assert repr(restored) == repr(as_lists(value))


@QUICK
@given(VALUE)
def test_every_block_passes_ingest_and_the_pattern_finds_what_a_parse_finds(value):
    _root, blocks = stored(value)

    for body in blocks.blocks.values():
        found = [ref.digest for ref in check_body(body)]
        texts = [match.decode() for match in REFERENCE.findall(body)]
        assert found == list(map(digest_from_text, texts))
        assert sorted(texts) == sorted(strings_that_refer(orjson.loads(body)))


@QUICK
@given(VALUE)
def test_json_texts_of_equal_values_have_equal_roots(value):
    root, blocks = stored(value)

    assert root_of(decode(root, blocks.get)) == root


@QUICK
@given(st.lists(st.integers(0, 3) | VALUE, max_size=14), st.integers(1, 9))
def test_a_list_built_item_by_item_has_the_root_of_the_whole(items, every):
    blocks = MemoryBlocks()
    encoder = ListEncoder(blocks.put)
    for count, item in enumerate(items, start=1):
        encoder.push(item)
        if count % every == 0:
            assert encoder.root() == root_of(items[:count])

    assert encoder.root() == root_of(items)
    verify(encoder.root(), blocks.get)


@QUICK
@given(
    st.lists(
        st.text(max_size=9) | st.sampled_from(["\n", "x" * 5000, "é" * 9000, "\ud800"]), max_size=4
    )
)
def test_a_text_written_in_parts_has_the_root_of_the_whole(parts):
    blocks = MemoryBlocks()
    encoder = TextEncoder(blocks.put)
    for count, part in enumerate(parts, start=1):
        encoder.write(part)
        assert encoder.root() == root_of("".join(parts[:count]))

    assert decode(encoder.root(), blocks.get) == "".join(parts)


def test_a_copy_grows_on_its_own():
    encoder = ListEncoder(MemoryBlocks().put)
    encoder.push_cells([b"%d" % number for number in range(5000)])
    twin = encoder.copy()
    twin.push(1)

    assert encoder.root() == root_of(list(range(5000)))
    assert twin.root() == root_of([*range(5000), 1])
    assert (len(encoder), len(twin)) == (5000, 5001)


def test_user_data_cannot_imitate_a_reference_even_as_a_key_of_a_large_dict():
    value = {f"~:{number:043d}": "x" * 30 for number in range(2000)}
    root, blocks = stored(value)

    named = {ref.digest for body in blocks.blocks.values() for ref in check_body(body)}

    assert named == set(blocks) - {root}
    assert decode(root, blocks.get) == value


@pytest.mark.parametrize("depth", [1, 63, 64])
def test_64_containers_inside_each_other_are_content(depth):
    value = "x" * 200
    for level in range(depth):
        value = [value] if level % 2 else {"k": value}
    root, blocks = stored(value)

    assert decode(root, blocks.get) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("depth", json.loads("[" * 65 + "]" * 65)),
        ("string_bytes", "x" * (LIMITS.string_bytes + 1)),
        ("string_bytes", bytes(LIMITS.string_bytes + 1)),
        ("entries", [0] * (LIMITS.entries + 1)),
        ("integer_digits", 10**5000),
        ("body_bytes", "\ud800" * 100_000),
        ("snapshot_bytes", [["x" * 8000] * 100] * 100),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 20 else "",
)
def test_a_value_over_a_limit_is_refused(name, value):
    with pytest.raises(LimitExceeded) as refused:
        root_of(value)

    assert refused.value.details["name"] == name


def test_a_value_that_holds_itself_is_refused():
    value: list[object] = []
    value.append(value)

    with pytest.raises(LimitExceeded):
        root_of(value)


def test_a_type_outside_the_model_is_refused():
    with pytest.raises(NotEncodable, match="object"):
        root_of([object()])


def test_a_hundred_thousand_hostile_bodies_end_in_a_value_or_a_content_error(rnd):
    pieces = [b'"~l"', b'"~g"', b'"~q"', b'"~m"', b'"~s"', b'"~z"', b"null", b"3", b"[", b"]", b"{"]
    pieces += [b"}", b",", b":", b'"~i9"', b'"~b!"', b'"a"', b'"~:%s"' % (b"A" * 43), b"9" * 17]
    outcomes = set()
    for _ in range(100_000):
        body = b"".join(rnd.choices(pieces, k=rnd.randrange(1, 7)))
        outcomes.add(outcome(body))

    assert outcomes <= {"value", CorruptBlock, UnsupportedFormat, LimitExceeded}


def outcome(body):
    digest = digest_of(body)
    with suppress(CorruptBlock, UnsupportedFormat, LimitExceeded, MissingBlock):
        decode(digest, lambda _digests: {digest: body})
    try:
        check_body(body)
    except (CorruptBlock, UnsupportedFormat, LimitExceeded) as refused:
        return type(refused)
    return "value"


def test_walking_twice_with_one_seen_set_gives_only_what_is_new(messages):
    blocks = MemoryBlocks()
    first, second = encode(messages[:399], blocks.put), encode(messages, blocks.put)
    seen = set()
    before = list(walk(first, blocks.get, seen))
    after = list(walk(second, blocks.get, seen))

    assert len(after) <= 4
    assert {digest for digest, _ in before + after} == seen
    assert decode(second, as_get(before + after)) == messages


def as_get(found):
    kept = dict(found)
    return lambda digests: {digest: kept[digest] for digest in digests}


def test_a_pasted_output_is_found_and_each_block_opened_once(messages):
    output = "result " * 40
    blocks = MemoryBlocks()
    needle = encode(output, blocks.put)
    plain = encode(messages, blocks.put)
    told = encode([*messages, {"role": "tool", "content": output}], blocks.put)
    skip = set()

    assert not contains(plain, needle, blocks.get, skip)
    blocks.loads = 0
    assert contains(told, needle, blocks.get, skip)
    assert blocks.loads <= 4


def test_a_digest_has_one_text_of_43_characters():
    root = root_of([1, 2, 3])

    assert len(digest_text(root)) == 43
    assert digest_from_text(digest_text(root)) == root


@pytest.mark.parametrize("text", ["", "A" * 42, "A" * 44, "A" * 42 + "=", "A" * 42 + "B", "é" * 43])
def test_no_other_text_is_a_digest(text):
    with pytest.raises(CorruptBlock):
        digest_from_text(text)


def test_a_missing_block_is_named(messages):
    root, blocks = stored(messages)
    lost = sorted(set(blocks) - {root})[7]
    del blocks.blocks[lost]

    with pytest.raises(MissingBlock) as refused:
        decode(root, blocks.get)

    assert refused.value.details["digest"] == digest_text(lost)


def as_lists(value):
    if isinstance(value, dict):
        return {key: as_lists(item) for key, item in value.items()}
    return [as_lists(item) for item in value] if isinstance(value, list | tuple) else value


def strings_that_refer(parsed):
    if isinstance(parsed, str):
        return [parsed[2:45]] if parsed[:2] == "~:" else []
    items = (
        parsed.values() if isinstance(parsed, dict) else parsed if isinstance(parsed, list) else ()
    )
    return [text for item in items for text in strings_that_refer(item)]


def test_limits_can_be_narrowed():
    with pytest.raises(LimitExceeded):
        encode([1, 2, 3], MemoryBlocks().put, Limits(entries=2))
