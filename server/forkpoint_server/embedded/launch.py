"""Become another program that dies with its parent and, for root, believes it is not root.

    python -I -S launch.py DEATH_SIGNAL PARENT_PID NAMESPACE(0|1) PROGRAM [ARG...]

A program of its own instead of `preexec_fn`: unshare() needs a process with one thread, and code
between fork and exec in a process with threads can hang. It imports nothing but the standard
library, because it runs without site-packages.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import sys
from pathlib import Path

NAMESPACES_FORBIDDEN = 77
"""Exit status when root may not enter a user namespace here."""

_CLONE_NEWUSER = 0x10000000
_PR_SET_PDEATHSIG = 1


def become(command: list[str], *, death_signal: int, parent: int, in_namespace: bool) -> None:
    """Replace this process by `command`; does not return."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if in_namespace:
            try:
                _enter_user_namespace(libc)
            except OSError as error:
                sys.stderr.write(f"user namespace: {error}\n")
                sys.exit(NAMESPACES_FORBIDDEN)
        # After the namespace, because a change of credentials clears it. It fires when the
        # *thread* that started us ends, not only the process.
        libc.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit("the parent ended before its child started")
    os.execv(command[0], command)


def _enter_user_namespace(libc: ctypes.CDLL) -> None:
    """Appear as `nobody` to ourselves; files stay owned by the real user.

    Postgres asks for nothing but geteuid(), so this is all it needs to run as root.
    """
    uid, gid = os.geteuid(), os.getegid()
    stranger = _unprivileged_user()
    if libc.unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWUSER) was refused")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{stranger.pw_uid} {uid} 1\n")
    Path("/proc/self/gid_map").write_text(f"{stranger.pw_gid} {gid} 1\n")


def _unprivileged_user() -> pwd.struct_passwd:
    """`nobody`, or whoever else has a name: initdb looks its own user up."""
    try:
        return pwd.getpwnam("nobody")
    except KeyError:
        return next(user for user in pwd.getpwall() if user.pw_uid and user.pw_gid)


if __name__ == "__main__":
    become(
        sys.argv[4:],
        death_signal=int(sys.argv[1]),
        parent=int(sys.argv[2]),
        in_namespace=sys.argv[3] == "1",
    )
