"""Guards: nothing leaves a replayed process unless the policy lets it.

Level `python` (G1) is an audit hook, process-wide, so that a lost context cannot escape it; C code
that talks to the system itself can. Levels `tcp` and `os` (G2) are walls of the system: `walls.py`.
"""

from __future__ import annotations

import fnmatch
import ipaddress
import os
import socket
import sys
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

from forkpoint.capture.egress import may_connect, may_look_up
from forkpoint.capture.uvloops import watch_uvloop
from forkpoint.replay.interception import Breach

_NETWORK = frozenset(
    {"socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo"}
    | {"socket.gethostbyname", "socket.gethostbyaddr"}
)
_PROGRAMS = frozenset({"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn"})
_NATIVE = frozenset({"ctypes.dlsym", "ctypes.dlsym/handle"})
_WATCHED = _NETWORK | _PROGRAMS | _NATIVE
_NO_PROXY = ("NO_PROXY", "no_proxy")


class Replay(Protocol):
    """What a guard asks of the replay it protects."""

    def live_hosts(self) -> Sequence[str]:
        """Globs of the hosts that may be reached right now."""
        ...

    def breach(self, code: str, key: str | None = None) -> None:
        """Told of each attempt, before it is refused."""
        ...

    def gap(self, what: str) -> None:
        """Told of a way past this guard that the program took or could take."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Exempt:
    """What may always be reached: our own collector, programs the policy names."""

    collector: tuple[str, int] | None = None
    """Host and port events are sent to; None where they only go to disk."""
    programs: tuple[str, ...] = ()
    """Globs of executables, by name or path (`allow_subprocess`)."""
    elsewhere: str | None = None
    """Path of the Unix socket of whoever looks for answers in other runs."""

    @classmethod
    def of(cls, url: str | None, programs: tuple[str, ...]) -> Exempt:
        """With the collector at a URL; None where events only go to disk."""
        if url is None:
            return cls(programs=programs)
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return cls(collector=(parts.hostname or "", port), programs=programs)


class Guard:
    """One replay's guard. At most one is up in a process."""

    def __init__(self, replay: Replay, exempt: Exempt) -> None:
        self._replay = replay
        self._exempt = exempt
        self._names: dict[str, set[str]] = {}
        """Address -> the names it was looked up by."""
        self._resolved: dict[str, frozenset[str]] = {}
        """Name -> its addresses, as first told: a name is resolved once."""

    def refuse(self, event: str, args: tuple[Any, ...]) -> None:
        """Raise `Breach` for an event that may not happen; called by the audit hook."""
        if event in _NATIVE:
            self._replay.gap("ctypes")
            return
        if event in _PROGRAMS:
            program = _program(event, args)
            if not any(_named(program, glob) for glob in self._exempt.programs):
                self._breach("guard_subprocess", f"start {program}")
            return
        target = _target(event, args)
        if target is not None and not self._may_reach(*target):
            host, port = target
            self._breach("guard_network", f"reach {host}" + (f":{port}" if port else ""))

    def learn(self, name: str, addresses: Sequence[str]) -> frozenset[str]:
        """A lookup that was let through gave these addresses; those that may be used."""
        known = self._resolved.setdefault(name, frozenset(addresses))
        for address in known:
            self._names.setdefault(address, set()).add(name)
        return known

    def _may_reach(self, host: str, port: int | None) -> bool:
        names = {host, *self._names.get(host, ())}
        collector = self._exempt.collector
        if collector is not None and port in (None, collector[1]) and collector[0] in names:
            return True
        if port is None and host == self._exempt.elsewhere:
            return True
        allowed = self._replay.live_hosts()
        if not _is_address(host) and port is None:
            return may_look_up(host, allowed)
        return may_connect(host, port, names, allowed)

    def _breach(self, code: str, what: str) -> None:
        self._replay.breach(code)
        raise Breach(f"the replay tried to {what}; the policy does not allow it", guard=code)


class _Place:
    """The guard that is up now. Audit hooks cannot be taken out, so ours looks here."""

    def __init__(self) -> None:
        self.guard: Guard | None = None
        self.hooked = False
        self.lookup: Callable[..., Any] | None = None
        """`socket.getaddrinfo` as it was before this guard."""
        self.learning: Callable[..., Any] | None = None
        self.proxies: dict[str, str | None] = {}
        """What the environment said of proxies before: live calls use none."""
        self.lock = threading.Lock()
        self.inside = threading.local()


_place = _Place()


@contextmanager
def guarding(replay: Replay, exempt: Exempt) -> Generator[Guard]:
    """Refuse network and subprocesses in this block, on every thread of the process."""
    guard = Guard(replay, exempt)
    raise_guard(guard)
    try:
        yield guard
    finally:
        lower_guard(guard)


def raise_guard(guard: Guard) -> None:
    """Put a guard up; a `RuntimeError` if another one is."""
    with _place.lock:
        if _place.guard is not None:
            raise RuntimeError("another replay is guarded in this process")
        if not _place.hooked:
            sys.addaudithook(_audit)
            _place.hooked = True
            watch_uvloop(_audit)
        # anew for each guard: whoever put the function back since then must not blind this one
        _place.lookup = socket.getaddrinfo
        _place.learning = socket.getaddrinfo = _learning(_place.lookup)
        _place.guard = guard
        for name in _NO_PROXY:
            _place.proxies[name] = os.environ.get(name)
            os.environ[name] = "*"


def lower_guard(guard: Guard) -> None:
    """Take a guard down; nothing happens if it is not the one that is up."""
    with _place.lock:
        if _place.guard is not guard:
            return
        _place.guard = None
        if _place.lookup is not None and socket.getaddrinfo is _place.learning:
            socket.getaddrinfo = _place.lookup
        for name, before in _place.proxies.items():
            os.environ.pop(name, None)
            if before is not None:
                os.environ[name] = before


def _audit(event: str, args: tuple[Any, ...]) -> None:
    guard = _place.guard
    if guard is None or event not in _WATCHED or getattr(_place.inside, "set", False):
        return
    _place.inside.set = True  # what the guard itself does is not looked at again
    try:
        guard.refuse(event, args)
    finally:
        _place.inside.set = False


def _learning(lookup: Callable[..., Any]) -> Callable[..., Any]:
    """`getaddrinfo` that tells the guard which addresses an allowed name has."""

    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        found = lookup(host, *args, **kwargs)
        guard = _place.guard
        if guard is None or host is None:
            return found
        known = guard.learn(_text(host), [str(row[4][0]) for row in found])
        return [row for row in found if str(row[4][0]) in known]

    return getaddrinfo


def _target(event: str, args: tuple[Any, ...]) -> tuple[str, int | None] | None:
    """Host and port an event is about; None if it leaves this process for nowhere."""
    if event == "socket.getaddrinfo":
        return None if args[0] is None or _is_address(_text(args[0])) else (_text(args[0]), None)
    if event in ("socket.gethostbyname", "socket.gethostbyaddr"):
        return _text(args[0]), None
    address = args[1] if len(args) > 1 else None
    if address is None:  # a datagram on a socket that is connected already
        return None
    if isinstance(address, tuple):
        host, port = cast("tuple[object, object]", address)[:2]
        return _text(host), port if isinstance(port, int) else None
    return _text(address), None


def _is_address(text: str) -> bool:
    """Whether looking this up asks nobody: then connecting to it is what counts."""
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True


def _program(event: str, args: tuple[Any, ...]) -> str:
    if event == "os.system":
        return _text(args[0]).strip().partition(" ")[0]
    if event == "os.spawn":
        return _text(args[1])
    if event == "subprocess.Popen" and args[0] is None:
        command = cast("object", args[1])
        first = (
            cast("Sequence[object]", command)[0] if isinstance(command, list | tuple) else command
        )
        return _text(first)
    return _text(args[0])


def _named(program: str, glob: str) -> bool:
    return fnmatch.fnmatchcase(program, glob) or fnmatch.fnmatchcase(PurePath(program).name, glob)


def _text(value: object) -> str:
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode(errors="replace")
    return os.fspath(value) if isinstance(value, os.PathLike) else str(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
