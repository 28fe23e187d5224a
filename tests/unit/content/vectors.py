"""The values of `content_vectors.json`, whose generators are explained in the file itself."""

from __future__ import annotations

import base64
import json
from pathlib import Path

FILE = Path(__file__).parents[2] / "fixtures" / "content_vectors.json"


def load():
    return json.loads(FILE.read_text())


def messages(n, start=0):
    return [
        {
            "role": "user" if i % 2 == 0 else "assistant",
            "content": f"message {i}: " + "lorem ipsum " * (i % 40),
        }
        for i in range(start, n)
    ]


def value_of(spec):
    if isinstance(spec, list):
        return [value_of(item) for item in spec]
    if not isinstance(spec, dict):
        return spec
    if len(spec) == 1:
        ((name, argument),) = spec.items()
        if name in GENERATORS:
            return GENERATORS[name](argument)
    return {key: value_of(item) for key, item in spec.items()}


def replaced(argument):
    items = value_of(argument[0])
    return [*items[: argument[1]], value_of(argument[2]), *items[argument[1] + 1 :]]


GENERATORS = {
    "$float": float,
    "$int": int,
    "$bytes": base64.b64decode,
    "$units": lambda units: "".join(map(chr, units)),
    "$pairs": lambda pairs: {key: value_of(item) for key, item in pairs},
    "$messages": messages,
    "$messages_from": lambda pair: messages(pair[1], pair[0]),
    "$replace": replaced,
    "$times": lambda pair: [value_of(pair[0])] * pair[1],
    "$lines": lambda n: "".join(f"line {i} " + "x" * (7 * i % 90) + "\n" for i in range(n)),
    "$ints": lambda n: list(range(n)),
    "$repeat": lambda pair: pair[0] * pair[1],
    "$keys": lambda n: {f"key{i}": i for i in range(n)},
    "$bytes_mod": lambda n: bytes((31 * i + 7) % 256 for i in range(n)),
}
