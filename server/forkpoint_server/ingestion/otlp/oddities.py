"""Spans that no honest exporter sends, found without reading the attributes of all the others.

Two passes over a whole body look for bytes that such a span must hold (2 us a span of 12 KB); only
where they are found are keys and values looked at. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

import re2  # pyright: ignore[reportMissingTypeStubs]

INDEX = 99_999
"""The highest index of a flattened list."""


def _finder(pattern: bytes) -> Callable[[bytes], object]:
    """A search over bytes, in linear time whatever they are; truthy if it finds something."""
    library = cast("Any", re2)
    options = library.Options()
    options.encoding = library.Options.Encoding.LATIN1
    return library.compile(pattern, options=options).search


_SIX_DIGITS = _finder(rb"\.[0-9]{6}")
_LONG_INDEX = _finder(rb"\n[\x80-\xff]?[\x00-\x7f][\w.\-]*\.[0-9]{6}")
"""A key (field 1, its length, its text) with an index of six digits."""
_REFERENCE = _finder(rb"\x12[\x02-\x06]@")
_REFERENCE_IN_LIST = _finder(rb"\n[\x02-\x06]@")
"""An AnyValue that is a `string_value_strindex` (field 8, a number): profiles only.

Each pattern begins with one byte that is looked for by `memchr`; a choice there costs ten times as
much.
"""
_REFERS = "with a reference into a string table, which is for profiles"
_LISTED = re.compile(
    r"(?:llm\.(?:input_messages|output_messages|prompts|choices|tools|request\.functions)"
    r"|retrieval\.documents|reranker\.(?:input|output)_documents|embedding\.embeddings"
    r"|gen_ai\.(?:prompt|completion)|evaluations|annotations)\."
    r"(?:.*\.)?0*[1-9]\d{5,}(?:\.|\Z)"
)


def may_be_odd(body: bytes) -> bool:
    """Whether some item in a body has to be looked at by `oddity`."""
    if _SIX_DIGITS(body) and _LONG_INDEX(body):
        return True
    return bool(_REFERENCE(body) or _REFERENCE_IN_LIST(body))


def oddity(item: Any) -> str | None:
    """Why an item is refused alone; None if it is not. Looks at every key and value."""
    if hasattr(item, "body") and _refers(item.body):
        return _REFERS
    for pairs in _attributes(item):
        for pair in pairs:
            if len(pair.key) > 6 and _LISTED.match(pair.key):
                return f"with an index over {INDEX}"
            if _refers(pair.value):
                return _REFERS
    return None


def _attributes(item: Any) -> Iterator[Iterable[Any]]:
    yield item.attributes
    for name in ("events", "links"):
        for each in getattr(item, name, ()):
            yield each.attributes


def _refers(value: Any) -> bool:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return any(map(_refers, value.array_value.values))
    if kind == "kvlist_value":
        return any(_refers(each.value) for each in value.kvlist_value.values)
    return kind == "string_value_strindex"
