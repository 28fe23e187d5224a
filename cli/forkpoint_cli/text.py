"""Recorded text is hostile: what a terminal must not be sent is taken out before printing.

Security guide, S11: C0 and C1 controls but line feed and tab (so no ESC, no OSC 8 or 52, no BEL),
and the characters that change the direction of text.
"""

from __future__ import annotations

import re

_CONTROLS = r"\x00-\x08\x0b-\x1f\x7f-\x9f"
_DIRECTION = r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_OSC = r"(?:\x1b\]|\x9d)[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
_CSI = r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
_HOSTILE = re.compile(f"{_OSC}|{_CSI}|[{_CONTROLS}{_DIRECTION}\ufeff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def harmless(text: str) -> str:
    """The text without control sequences, control characters and direction overrides."""
    return _SURROGATE.sub("\ufffd", _HOSTILE.sub("", text))


def one_line(text: str, *, width: int) -> str:
    """Harmless text on one line of at most `width` characters."""
    flat = " ".join(harmless(text).split())
    return flat if len(flat) <= width else flat[: width - 1] + "…"


def cell(value: object) -> str:
    """A value as a CSV cell that no spreadsheet takes for a formula; always quoted."""
    text = "" if value is None else str(value)
    if text.startswith(_FORMULA):
        text = "'" + text
    return '"' + text.replace('"', '""') + '"'
