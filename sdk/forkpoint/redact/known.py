"""Known values: secrets the recorder was told, found exactly, in every form they travel in.

Forms: the value, its lines of 24 characters and more, base64 and base64url at all three
alignments, percent-encoded, and escaped for JSON.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from urllib.parse import quote, quote_plus

from ahocorasick_rs import AhoCorasick, MatchKind

from forkpoint.redact.names import KeyClass, Names, is_placeholder

SHORTEST, LONGEST = 8, 4096
MOST = 1_000
LINE = 24
_FRAGMENT = 10
"""Characters a base64 fragment must have, so that it does not occur by chance."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_OWN_KEYS = frozenset({"FORKPOINT_TOKEN", "FORKPOINT_REDACT_KEY"})


class KnownValues:
    """A set of known values and the automaton that finds them; grows by replacing it."""

    __slots__ = ("_automaton", "_owner", "_raw", "_raw_owner", "longest", "values")

    def __init__(self, values: Iterable[str]) -> None:
        self.values = tuple(dict.fromkeys(value for value in values if is_known_value(value)))[
            :MOST
        ]
        owner: dict[str, str] = {}
        for value in self.values:
            for form in forms(value):
                owner.setdefault(form, value)
        self._owner = list(owner.values())
        self._automaton = _automaton(owner)
        raw = {text: value for form, value in owner.items() for text in _raw_forms(form)}
        self._raw_owner = list(raw.values())
        self._raw = self._automaton if list(raw) == list(owner) else _automaton(raw)
        self.longest = max(map(len, raw), default=0)
        """Bytes of the longest form in raw bytes."""

    def __bool__(self) -> bool:
        return self._automaton is not None

    def find_raw(self, text: str) -> Iterator[tuple[int, int, str]]:
        """As `find`, in bytes that were decoded as Latin-1: a character for each byte."""
        if self._raw is not None:
            for index, start, end in self._raw.find_matches_as_indexes(text):
                yield start, end, self._raw_owner[index]

    def find(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Start, end and value of every known value in a text, leftmost and longest first."""
        if self._automaton is None:
            return
        try:
            found = self._automaton.find_matches_as_indexes(text)
        except UnicodeEncodeError:  # a lone surrogate: it cannot be inside a match, same length
            found = self._automaton.find_matches_as_indexes(_SURROGATE.sub("\ufffd", text))
        for index, start, end in found:
            yield start, end, self._owner[index]


def _automaton(forms_of: Mapping[str, str]) -> AhoCorasick | None:
    if not forms_of:
        return None
    return AhoCorasick(list(forms_of), matchkind=MatchKind.LeftmostLongest)


def _raw_forms(form: str) -> Iterator[str]:
    """A form as it looks in bytes read as Latin-1: its UTF-8, and itself where Latin-1 has it."""
    yield form.encode().decode("latin-1")
    if not form.isascii() and all(ord(each) < 256 for each in form):
        yield form


def is_known_value(value: str) -> bool:
    """Whether a value may be searched for: 8-4096 long, no path, short number, placeholder."""
    if not SHORTEST <= len(value) <= LONGEST or not _encodable(value):
        return False
    if value.startswith(("/", "~/", "./", "../")) or value[1:3] == ":\\":
        return False
    if len(value) < 12 and value.replace(".", "").replace("-", "").isdigit():
        return False
    return not is_placeholder(value)


def from_environment(environment: Mapping[str, str], names: Names) -> list[str]:
    """Values of the environment whose names match the key rule."""
    found: list[str] = []
    for name, value in environment.items():
        secret = names.kind(name) not in (KeyClass.PLAIN, KeyClass.CONSTANT)
        if name in _OWN_KEYS or (secret and _is_secret_name(name)):
            found.append(value.strip())
    return found


def _is_secret_name(name: str) -> bool:
    """Desktop sessions call themselves SESSION and XDG_SESSION_ID without being secrets."""
    return not name.upper().startswith(("XDG_", "DBUS_", "GNOME_", "KDE_", "SSH_AUTH", "DESKTOP_"))


def forms(value: str) -> list[str]:
    """Every text under which a value is looked for, itself first."""
    raw = value.encode()
    found = [value, quote(value, safe=""), quote_plus(value, safe=""), quote(value)]
    found += [json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]]
    found += [line.strip() for line in value.splitlines() if len(line.strip()) >= LINE]
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        found += _base64_forms(raw, encode)
    return [form for form in dict.fromkeys(found) if len(form) >= SHORTEST]


def _base64_forms(raw: bytes, encode: Callable[[bytes], bytes]) -> list[str]:
    whole = encode(raw).decode()
    found = [whole, whole.rstrip("=")]
    for shift in range(3):
        text = encode(b"\0" * shift + raw).decode()
        inner = text[(shift * 8 + 5) // 6 : (shift + len(raw)) * 8 // 6]
        if len(inner) >= _FRAGMENT:
            found.append(inner)
    return found


def _encodable(value: str) -> bool:
    return value.isascii() or value.encode("utf-8", "replace").decode() == value
