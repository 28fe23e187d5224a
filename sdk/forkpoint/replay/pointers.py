"""JSON pointers (RFC 6901) and patches (RFC 6902) over plain values; nothing changes in place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import cast

from forkpoint.errors import ReplayError

Tokens = tuple[str, ...]
OPERATIONS = frozenset({"add", "remove", "replace", "move", "copy", "test"})


class PointerError(ReplayError):
    """A pointer or patch does not fit the value it is applied to."""

    code = "edit_invalid"


def tokens_of(pointer: str) -> Tokens:
    """The reference tokens of a pointer, unescaped."""
    if not pointer:
        return ()
    if not pointer.startswith("/"):
        raise PointerError(f"`{pointer[:80]}` is no JSON pointer: it must begin with `/`")
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/"))


def pointer_of(tokens: Sequence[str]) -> str:
    """Tokens as a pointer."""
    return "".join("/" + token.replace("~", "~0").replace("/", "~1") for token in tokens)


def value_at(value: object, tokens: Tokens) -> object:
    """The value a pointer names; `PointerError` when there is none."""
    for depth, token in enumerate(tokens):
        if isinstance(value, Mapping):
            members = cast("Mapping[str, object]", value)
            if token not in members:
                raise _nothing_at(tokens[: depth + 1])
            value = members[token]
        elif isinstance(value, list):
            items = cast("list[object]", value)
            value = items[_position(token, len(items) - 1, tokens[: depth + 1])]
        else:
            raise _nothing_at(tokens[: depth + 1])
    return value


def apply_patch(value: object, patch: Sequence[Mapping[str, object]]) -> object:
    """The value after all operations of a patch; containers off the paths are shared."""
    for operation in patch:
        value = _apply(value, operation)
    return value


def _apply(value: object, operation: Mapping[str, object]) -> object:
    path = tokens_of(str(operation["path"]))
    match operation["op"]:
        case "add":
            return _change(value, path, _inserted(operation["value"]))
        case "remove":
            return _change(value, path, _removed)
        case "replace":
            value_at(value, path)
            return _change(value, path, _replaced(operation["value"]))
        case "test":
            return _tested(value, path, operation["value"])
        case "copy":
            source = value_at(value, tokens_of(str(operation["from"])))
            return _change(value, path, _inserted(source))
        case _:
            origin = tokens_of(str(operation["from"]))
            if path[: len(origin)] == origin and path != origin:
                raise PointerError(f"`{pointer_of(origin)}` cannot be moved into itself")
            source = value_at(value, origin)
            return _change(_change(value, origin, _removed), path, _inserted(source))


_Container = dict[str, object] | list[object]
_Edit = Callable[[_Container, str, Tokens], None]


def _change(value: object, path: Tokens, edit: _Edit) -> object:
    """A copy of the containers along `path` with `edit` made in the last one."""
    whole: dict[str, object] = {"": value}
    copy: _Container = whole
    steps = ("", *path)
    for depth, token in enumerate(steps[:-1]):
        below = _copied(_member(copy, token, steps[1 : depth + 1]), steps[1 : depth + 2])
        if isinstance(copy, list):
            copy[int(token)] = below
        else:
            copy[token] = below
        copy = below
    edit(copy, steps[-1], path)
    return whole.get("")


def _member(container: _Container, token: str, where: Tokens) -> object:
    if isinstance(container, list):
        return container[_position(token, len(container) - 1, where)]
    if token not in container:
        raise _nothing_at(where)
    return container[token]


def _copied(value: object, where: Tokens) -> _Container:
    if isinstance(value, Mapping):
        return dict(cast("Mapping[str, object]", value))
    if isinstance(value, list):
        return list(cast("list[object]", value))
    raise _nothing_at(where)


def _inserted(new: object) -> _Edit:
    def edit(container: _Container, token: str, where: Tokens) -> None:
        if isinstance(container, dict):
            container[token] = new
        elif token == "-":
            container.append(new)
        else:
            container.insert(_position(token, len(container), where), new)

    return edit


def _replaced(new: object) -> _Edit:
    def edit(container: _Container, token: str, where: Tokens) -> None:
        if isinstance(container, dict):
            container[token] = new
        else:
            container[_position(token, len(container) - 1, where)] = new

    return edit


def _removed(container: _Container, token: str, where: Tokens) -> None:
    if isinstance(container, list):
        del container[_position(token, len(container) - 1, where)]
    elif token in container:
        del container[token]
    else:
        raise _nothing_at(where)


def _tested(value: object, path: Tokens, expected: object) -> object:
    if value_at(value, path) != expected:
        raise PointerError(f"the value at `{pointer_of(path)}` is not what the patch tests for")
    return value


def _position(token: str, last: int, where: Tokens) -> int:
    if not token.isdecimal() or (len(token) > 1 and token[0] == "0") or int(token) > last:
        raise _nothing_at(where)
    return int(token)


def _nothing_at(where: Tokens) -> PointerError:
    return PointerError(
        f"there is nothing at `{pointer_of(where)[:120]}`", pointer=pointer_of(where)
    )
