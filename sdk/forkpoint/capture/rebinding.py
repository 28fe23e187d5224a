"""User code, told from libraries; and names that it bound before something was patched."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Mapping
from types import FrameType, ModuleType

_PATHS = sysconfig.get_paths()
_LIBRARIES = tuple({_PATHS[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")})
_OURS = __name__.partition(".")[0]
_user_modules: tuple[str, ...] = ()
_known: dict[str, bool] = {}


def count_as_user_code(modules: tuple[str, ...]) -> None:
    """Packages that are user code although they are installed like libraries."""
    global _user_modules
    _user_modules = modules
    _known.clear()


def is_user_code(frame: FrameType) -> bool:
    """Whether a frame runs code of the user: neither standard library nor installed package."""
    name = frame.f_globals.get("__name__", "")
    known = _known.get(name)
    if known is None:
        known = _known[name] = _is_users(str(name), frame.f_code.co_filename)
    return known


def called_by_user(depth: int) -> bool:
    """Whether the function `depth` Python frames above the caller is the user's.

    A greenlet or a thread of `_thread` may call with no Python frame above: nobody's code.
    """
    try:
        frame = sys._getframe(depth + 1)  # pyright: ignore[reportPrivateUsage]
    except ValueError:
        return False
    return is_user_code(frame)


def rebind(swaps: Mapping[int, object]) -> None:
    """Give user modules the new object wherever they hold an old one, by `id`, as a global."""
    for name, module in list(sys.modules.items()):
        if type(module) is not ModuleType or not _is_users(name, _file_of(module)):
            continue
        space = vars(module)
        for bound in [key for key, value in space.items() if id(value) in swaps]:
            space[bound] = swaps[id(space[bound])]


def _file_of(module: ModuleType) -> str:
    return str(getattr(module, "__file__", None) or "<none>")


def _is_users(name: str, file: str) -> bool:
    package = name.partition(".")[0]
    if package in _user_modules:
        return True
    if package == _OURS or file.startswith("<frozen") or file == "<none>":
        return name == "__main__"
    return not file.startswith(_LIBRARIES)
