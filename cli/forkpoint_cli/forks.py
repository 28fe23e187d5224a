"""What a replay is asked to do, from the words of the command line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import cast

import yaml
from forkpoint.replay.edits import edit_from_argument
from forkpoint.replay.policy import POLICY_FORMAT

from forkpoint_cli.errors import CliError

MODES = ("exact", "cached", "simulated", "live")


def read_policy_file(path: Path) -> dict[str, object]:
    """A policy in JSON or YAML; anchors, aliases and tags of YAML are refused."""
    try:
        text = path.read_text()
        tokens = cast("Iterable[object]", yaml.scan(text))  # pyright: ignore[reportUnknownMemberType]
        if any(isinstance(token, _REFUSED) for token in tokens):
            raise CliError(f"{path}: a policy has no YAML anchors, aliases or tags")
        value = yaml.safe_load(text)
    except OSError as error:
        raise CliError(f"cannot read {path}: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise CliError(f"{path} is neither JSON nor YAML: {error}") from None
    if not isinstance(value, dict):
        raise CliError(f"{path}: a policy is an object")
    return cast("dict[str, object]", value)


_REFUSED = (yaml.AnchorToken, yaml.AliasToken, yaml.TagToken)


def with_mode(policy: Mapping[str, object] | None, mode: str) -> dict[str, object]:
    """The policy with another default mode."""
    base = dict(policy) if policy else {"policy": POLICY_FORMAT}
    default = cast("Mapping[str, object]", base.get("default") or {})
    return {**base, "default": {**default, "mode": mode}}


def read_edits(at: Sequence[str], edits: Sequence[str]) -> list[tuple[str, dict[str, object]]]:
    """Each edit with the place it is for, as typed: a call key or a step number.

    With one `--at` all edits are for it; else there must be as many of the one as of the other.
    """
    if edits and not at:
        raise CliError("--edit needs --at to say where", hint="--at 412, or --at r#3.1")
    if len(at) > 1 and len(at) != len(edits):
        raise CliError(f"{len(at)} places and {len(edits)} edits: give one --at for each --edit")
    places = at if len(at) == len(edits) else list(at) * len(edits)
    return [(place, parse_edit(edit)) for place, edit in zip(places, edits, strict=True)]


def parse_edit(argument: str) -> dict[str, object]:
    """`output=@f.json`, `output=JSON`, `model=ID`, `params./temperature=0`, `fail=429` as an edit.

    A value that is no JSON is a string; after `@` comes a file with the value.
    """
    name, equals, text = argument.partition("=")
    if not equals:
        raise CliError(f"an edit is NAME=VALUE, not {argument!r}")
    return edit_from_argument(name, _value(text))


def _value(text: str) -> object:
    if text.startswith("@"):
        try:
            return json.loads(Path(text[1:]).read_text())
        except OSError as error:
            raise CliError(f"cannot read {text[1:]}: {error.strerror}") from None
        except json.JSONDecodeError as error:
            raise CliError(f"{text[1:]} holds no JSON: {error}") from None
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
