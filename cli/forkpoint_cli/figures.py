"""Numbers as people read them: durations, times, sizes, counts, money."""

from __future__ import annotations

from datetime import UTC, datetime

NS_PER_S = 1_000_000_000


def duration(ns: int | None) -> str:
    """`840 µs`, `12 ms`, `3.4 s`, `2 m 05 s`, `1 h 07 m`; a dash while it is unknown."""
    if ns is None:
        return "-"
    if ns < 1_000_000:
        return f"{ns / 1_000:.0f} µs"
    if ns < NS_PER_S:
        return f"{ns / 1_000_000:.0f} ms"
    seconds = ns / NS_PER_S
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} m {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} m"


def moment(ns: int) -> str:
    """Local date and time to the minute."""
    return datetime.fromtimestamp(ns // NS_PER_S, tz=UTC).astimezone().strftime("%Y-%m-%d %H:%M")


def day(ns: int) -> str:
    """The date, the same on every machine."""
    return datetime.fromtimestamp(ns // NS_PER_S, tz=UTC).strftime("%Y-%m-%d")


def count(number: int | None) -> str:
    """`-`, `812`, `12.3k`, `4.1M`."""
    if number is None:
        return "-"
    if number < 10_000:
        return str(number)
    if number < 1_000_000:
        return f"{number / 1_000:.1f}k"
    return f"{number / 1_000_000:.1f}M"


def size(octets: int) -> str:
    """`612 B`, `4.2 kB`, `1.1 MB`."""
    if octets < 1_000:
        return f"{octets} B"
    if octets < 1_000_000:
        return f"{octets / 1_000:.1f} kB"
    return f"{octets / 1_000_000:.1f} MB"


def money(micro_usd: int | None) -> str:
    """Dollars, or a dash when no price is known."""
    return "-" if micro_usd is None else f"${micro_usd / 1_000_000:.4f}"
