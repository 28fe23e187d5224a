"""Exceptions as values, and back: what a recorded call raised is raised again by its replay."""

from __future__ import annotations

import sys
from asyncio import CancelledError
from collections.abc import Callable, Mapping, Sequence
from typing import cast

CAUSES = 8
TEXT = 65_536
"""Characters kept of a message or representation."""


def describe(error: BaseException) -> dict[str, object]:
    """The value of the `error` artifact: class path, texts, HTTP status and body, causes, bases."""
    value = _brief(error)
    value["args"] = [_plain(one) for one in error.args]
    value["status"] = _status(error)
    value["body"] = _plain(getattr(error, "body", None))
    value["causes"] = [_brief(cause) for cause in _causes(error)]
    value["bases"] = [
        f"{base.__module__}:{base.__qualname__}"
        for base in type(error).__mro__[1:]
        if issubclass(base, BaseException)
    ]
    return value


def is_cancellation(error: BaseException) -> bool:
    """Whether somebody stopped the work, as opposed to its failing."""
    return isinstance(error, KeyboardInterrupt | GeneratorExit | CancelledError)


def class_name(error: BaseException) -> str:
    """`module.Class` as events carry it; builtins without their module."""
    kind = type(error)
    if kind.__module__ == "builtins":
        return kind.__qualname__[:256]
    return f"{kind.__module__}.{kind.__qualname__}"[:256]


def rebuild(value: Mapping[str, object]) -> BaseException:
    """The exception to raise again: of the same class if that is loaded and says the same text.

    Nothing is imported. Otherwise it is an instance of a new class below the nearest base that is
    loaded, equal in `__name__`, `str` and `repr`, because agents quote errors in their prompts.
    """
    name, module = str(value.get("class", "Exception")), str(value.get("module", "builtins"))
    message, shown = str(value.get("message", "")), str(value.get("repr", ""))
    known = _loaded(module, name)
    if known is not None:
        error = _constructed(known, value, message) or _bare(known, value, message)
        if error is not None:
            return error
    bases = cast("Sequence[object]", value.get("bases") or ())
    base = known or next(filter(None, (_loaded(*_path(one)) for one in bases)), Exception)
    return _lookalike(base, name=name, module=module, message=message, shown=shown)


def _brief(error: BaseException) -> dict[str, object]:
    kind = type(error)
    return {
        "class": kind.__qualname__,
        "module": kind.__module__,
        "message": _text(str, error),
        "repr": _text(repr, error),
    }


def _text(show: Callable[[BaseException], str], error: BaseException) -> str:
    try:
        return show(error)[:TEXT]
    except Exception:  # a host's broken __str__ must not hide its error
        return f"<unprintable {type(error).__qualname__}>"


def _plain(value: object) -> object:
    """Plain values stay, anything else becomes its repr."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, list | tuple):
        return [_plain(one) for one in cast("Sequence[object]", value)]
    if isinstance(value, dict):
        entries = cast("Mapping[object, object]", value)
        return {str(key): _plain(one) for key, one in entries.items()}
    try:
        return repr(value)[:TEXT]
    except Exception:  # as above
        return f"<unprintable {type(value).__qualname__}>"


def _status(error: BaseException) -> int | None:
    for name in ("status_code", "status", "http_status"):
        status = getattr(error, name, None)
        if isinstance(status, int) and not isinstance(status, bool):
            return int(status)
    return None


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    seen = {id(error)}
    step: BaseException | None = error
    while step is not None and len(found) < CAUSES:
        step = step.__cause__ or (None if step.__suppress_context__ else step.__context__)
        if step is not None and id(step) not in seen:
            seen.add(id(step))
            found.append(step)
        else:
            step = None
    return found


def _path(text: object) -> tuple[str, str]:
    module, _, name = str(text).partition(":")
    return module, name


def _loaded(module: str, name: str) -> type[BaseException] | None:
    found: object = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    if isinstance(found, type) and issubclass(found, BaseException):
        return found
    return None


def _constructed(
    kind: type[BaseException], value: Mapping[str, object], message: str
) -> BaseException | None:
    try:
        error = kind(*cast("Sequence[object]", value.get("args") or ()))
        same = type(error) is kind and str(error) == message and repr(error) == value.get("repr")
    except Exception:  # its constructor wants more than was recorded
        return None
    return _dressed(error, value) if same else None


def _bare(
    kind: type[BaseException], value: Mapping[str, object], message: str
) -> BaseException | None:
    try:
        error = kind.__new__(kind)
        error.args = (message,)
        same = str(error) == message and repr(error) == value.get("repr")
    except Exception:  # as above
        return None
    return _dressed(error, value) if same else None


def _dressed(error: BaseException, value: Mapping[str, object]) -> BaseException:
    """Status and body as attributes, where the class has not set them itself."""
    for name, recorded in (("status_code", value.get("status")), ("body", value.get("body"))):
        if recorded is not None and not hasattr(error, name):
            try:
                setattr(error, name, recorded)
            except (AttributeError, TypeError):  # slots or a read-only property
                continue
    return error


def _lookalike(
    base: type[BaseException], *, name: str, module: str, message: str, shown: str
) -> BaseException:
    short = name.rpartition(".")[2] or "Exception"

    def said(_error: BaseException) -> str:
        return message

    def represented(_error: BaseException) -> str:
        return shown

    body: dict[str, object] = {"__module__": module, "__qualname__": name}
    body |= {"__str__": said, "__repr__": represented}
    for parent in (base, Exception):
        try:
            kind = cast("type[BaseException]", type(short, (parent,), body))
            error = kind.__new__(kind)
        except Exception:  # a base that cannot be made without its arguments
            continue
        error.args = (message,)
        return error
    return Exception(message)
