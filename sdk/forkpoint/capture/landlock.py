"""Starts a command that can open TCP connections to some ports only, whatever language it is in.

    python -I -S landlock.py PORT,PORT,... -- COMMAND...

The system keeps it (Linux 6.7 and newer, Landlock ABI 4): neither C code, nor what the command
starts, gets around it. UDP is not covered. This file imports nothing of ours: it is run as it is.
Source of the numbers: linux/landlock.h, asm-generic/unistd.h, linux/prctl.h.
"""

from __future__ import annotations

import ctypes
import os
import sys

_CREATE, _ADD, _RESTRICT = 444, 445, 446
"""System calls, equal on all architectures."""
_SAY_VERSION = 1
_CONNECT_TCP = 1 << 1
_PORT_RULE = 2
_NO_NEW_PRIVILEGES = 38
_NETWORK_SINCE = 4


class _Rules(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64))


class _Port(ctypes.Structure):
    _fields_ = (("allowed", ctypes.c_uint64), ("port", ctypes.c_uint64))


def available() -> bool:
    """Whether this system can do it."""
    if sys.platform != "linux":
        return False
    return _libc().syscall(_CREATE, None, 0, _SAY_VERSION) >= _NETWORK_SINCE


def restrict(ports: list[int]) -> None:
    """From now on this process, and all it starts, connects to these TCP ports only.

    Raises `OSError`; nothing is restricted then.
    """
    libc, rules = _libc(), _Rules(0, _CONNECT_TCP)
    made = libc.syscall(_CREATE, ctypes.byref(rules), ctypes.sizeof(rules), 0)
    _check(made)
    for port in ports:
        rule = _Port(_CONNECT_TCP, port)
        _check(libc.syscall(_ADD, made, _PORT_RULE, ctypes.byref(rule), 0))
    _check(libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    _check(libc.syscall(_RESTRICT, made, 0))
    os.close(made)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _main(words: list[str]) -> None:
    ports, command = words[0], words[2:]
    restrict([int(port) for port in ports.split(",") if port])
    os.execvp(command[0], command)


if __name__ == "__main__":
    _main(sys.argv[1:])
