"""uvloop raises no audit events (measured): what its loops are asked to open is told to the guard.

Loops of the standard library need none of this, their sockets and programs are audited.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

Audit = Callable[[str, tuple[Any, ...]], None]
Told = list[tuple[str, tuple[Any, ...]]]


def watch_uvloop(audit: Audit) -> None:
    """Wrap the methods of its loop class that reach out; nothing where it is not installed."""
    if importlib.util.find_spec("uvloop") is None:
        return
    loop = importlib.import_module("uvloop").Loop
    for name, events in _ASKED.items():
        stock = getattr(loop, name, None)
        if stock is not None:
            setattr(loop, name, _watched(stock, events, audit))


def _watched(stock: Any, events: Callable[..., Told], audit: Audit) -> Any:
    @functools.wraps(stock)
    def reach(self: Any, *args: Any, **kwargs: Any) -> Any:
        for event in events(*args, **kwargs):
            audit(*event)
        return stock(self, *args, **kwargs)

    return reach


def _connection(
    _factory: Any, host: Any = None, port: Any = None, *, sock: Any = None, **_: Any
) -> Told:
    """A given socket was connected already, by a call that was audited."""
    return [] if host is None or sock is not None else [("socket.connect", (None, (host, port)))]


def _unix(_factory: Any, path: Any = None, **_: Any) -> Told:
    return [] if path is None else [("socket.connect", (None, path))]


def _datagram(_factory: Any, local_addr: Any = None, remote_addr: Any = None, **_: Any) -> Told:
    return [] if remote_addr is None else [("socket.connect", (None, remote_addr))]


def _address(_sock: Any, address: Any, *_: Any) -> Told:
    return [("socket.connect", (None, address))]


def _sent(_sock: Any, _data: Any, address: Any, *_: Any) -> Told:
    return [("socket.sendto", (None, address))]


def _lookup(host: Any, port: Any, **_: Any) -> Told:
    return [("socket.getaddrinfo", (host, port))]


def _program(_factory: Any, program: Any, *args: Any, **_: Any) -> Told:
    return [("subprocess.Popen", (program, [program, *args]))]


_ASKED: dict[str, Callable[..., Told]] = {
    "create_connection": _connection,
    "create_unix_connection": _unix,
    "create_datagram_endpoint": _datagram,
    "sock_connect": _address,
    "sock_sendto": _sent,
    "getaddrinfo": _lookup,
    "subprocess_exec": _program,
    "subprocess_shell": _program,
}
