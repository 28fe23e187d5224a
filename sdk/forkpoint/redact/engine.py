"""The redactor: one walk over a value that masks known values and what stands behind secret names.

Leaf rule: what becomes of a string depends on ruleset, token key, its nearest object key and the
string alone. So lists are redacted item by item, results can be cached and blocks are shared.
R(R(x)) = R(x); a value without findings comes back as the very same object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import cast

from forkpoint.errors import RedactionError
from forkpoint.redact.known import KnownValues
from forkpoint.redact.leaves import Leaves
from forkpoint.redact.names import KeyClass, Names
from forkpoint.redact.nested import rewrite_json
from forkpoint.redact.raw import RawMask
from forkpoint.redact.ruleset import DEPTH, LEAVES, NESTED_JSON, Ruleset
from forkpoint.redact.tokens import TokenKey

_CUT = (b'["~s"', b'["~y"')
"""Bodies of texts and bytes that are cut into blocks, where a value may stand across a cut."""
_HEADER_KINDS = frozenset({KeyClass.SCHEME, KeyClass.COOKIE})


class Redactor:
    """Masks values under one ruleset and key. Safe to share between threads; never changes."""

    __slots__ = ("_key", "_leaves", "_names", "key_id", "ruleset", "ruleset_id", "secrets")

    def __init__(self, ruleset: Ruleset, key: TokenKey, secrets: Iterable[str] = ()) -> None:
        self.ruleset = ruleset
        self.ruleset_id = ruleset.ruleset_id
        self.key_id = key.key_id
        self._key = key
        self._names = Names(secret=ruleset.secret_keys, safe=ruleset.safe_keys)
        known = KnownValues(secrets)
        self.secrets = known.values
        self._leaves = Leaves(key, known, self._names)

    def knowing(self, secret: str) -> Redactor:
        """A redactor that masks one more known value."""
        return Redactor(self.ruleset, self._key, (*self.secrets, secret))

    def token_of(self, text: str) -> str:
        """The token a text gets if it is masked whole."""
        return self._key.token(text)

    def redact(self, value: object, *, key: str | None = None) -> object:
        """The masked form of a JSON-like value; `key` is the object key it stands under.

        Raises `RedactionError` (`limit_depth`, `limit_leaves`) for values too large to be read.
        """
        return _Walk(self._leaves, self._names).value(value, key, DEPTH)

    def raw(self) -> RawMask:
        """What masks the known values in one stream of bytes, e.g. of a file."""
        return self._leaves.raw()

    def knows_in(self, body: bytes) -> bool:
        """Whether a known value may stand in the body of a block; parts of long texts always may.

        Bodies are JSON, and known values are looked for in the forms JSON gives them.
        """
        if not self.secrets:
            return False
        return body.startswith(_CUT) or self._leaves.knows_in(body.decode())

    def may_hide(self, text: str) -> bool:
        """Whether names in a text may speak for secrets that only reading it whole would find."""
        return self._names.might_hold(text)


class _Walk:
    """One pass over one value, with its budget of leaves."""

    __slots__ = ("_leaves", "_left", "_names")

    def __init__(self, leaves: Leaves, names: Names) -> None:
        self._leaves = leaves
        self._names = names
        self._left = LEAVES

    def value(self, value: object, key: str | None, depth: int) -> object:
        if isinstance(value, str):
            return self._text(value, key)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, dict):
            return self._dict(cast("dict[object, object]", value), depth)
        if isinstance(value, list | tuple):
            return self._list(cast("Sequence[object]", value), key, depth)
        self._spend()
        if isinstance(value, int | float):
            return self._leaves.number(value, self._kind(key))
        if isinstance(value, bytes | bytearray):
            return self._bytes(bytes(value))
        return value

    def _bytes(self, value: bytes) -> bytes:
        mask = self._leaves.raw()
        masked = mask.feed(value) + mask.finish()
        return value if masked == value else masked

    def _text(self, text: str, key: str | None, level: int = 0) -> str:
        self._spend()
        kind = self._kind(key)
        masked = self._leaves.under_name(text, kind) if kind is not KeyClass.PLAIN else None
        if masked is not None:
            return masked
        if level < NESTED_JSON and self._leaves.may_be_nested(text):
            rewritten = rewrite_json(text, self._nested(level + 1))
            if rewritten is not None:
                return rewritten
        return self._leaves.plain(text)

    def _nested(self, level: int) -> Callable[[object, str | None], object]:
        def leaf(value: object, key: str | None) -> object:
            if isinstance(value, str):
                return self._text(value, key, level)
            return self.value(value, key, 1)

        return leaf

    def _dict(self, value: Mapping[object, object], depth: int) -> object:
        self._check(depth)
        changed: dict[object, object] | None = None
        for name, item in value.items():
            text = name if isinstance(name, str) else str(name)
            new = self.value(item, text, depth - 1)
            new_name = self._leaves.name(name) if isinstance(name, str) else name
            if changed is None and (new is not item or new_name is not name):
                changed = _before(value, name)
            if changed is not None:
                changed[new_name] = new
        return value if changed is None else changed

    def _list(self, value: Sequence[object], key: str | None, depth: int) -> object:
        self._check(depth)
        if len(value) == 2 and (header := self._header(value)) is not None:
            key = header
            new = [value[0], self.value(value[1], key, depth - 1)]
        else:
            new = [self.value(item, key, depth - 1) for item in value]
        same = all(left is right for left, right in zip(new, value, strict=True))
        return value if same else new

    def _header(self, pair: Sequence[object]) -> str | None:
        """The name of a `[name, value]` pair of an HTTP header, if it is a sensitive one."""
        name, value = pair
        if not (isinstance(name, str) and isinstance(value, str)):
            return None
        kind = self._kind(name)
        dashed = "-" in name and kind is not KeyClass.PLAIN
        return name if kind in _HEADER_KINDS or dashed else None

    def _kind(self, key: str | None) -> KeyClass:
        return KeyClass.PLAIN if key is None else self._names.kind(key)

    def _spend(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise RedactionError(f"over {LEAVES} leaves in one payload", code="limit_leaves")

    def _check(self, depth: int) -> None:
        if depth <= 0:
            raise RedactionError(f"nested deeper than {DEPTH}", code="limit_depth")


def _before(value: Mapping[object, object], name: object) -> dict[object, object]:
    """The entries of a dict before the one called `name`."""
    entries: dict[object, object] = {}
    for other, item in value.items():
        if other is name:
            break
        entries[other] = item
    return entries
