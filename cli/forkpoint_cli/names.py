"""Runs by what people type: a whole id, or its beginning."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import cast

from forkpoint_cli.client import Service
from forkpoint_cli.errors import NoSuchRun

_WHOLE = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_ONE = "query ($id: ID!) { run(id: $id) { id } }"
_NEWEST = "query ($first: Int!) { runs(first: $first) { nodes { id } } }"
_LOOKED_AT = 200


def resolve_run(service: Service, given: str) -> str:
    """The id of the run meant by an id, the beginning of one, or a cockpit URL.

    A beginning is looked for among the newest 200 runs. Raises `NoSuchRun`, also when it fits two.
    """
    wanted = given.rstrip("/").rpartition("/")[2].lower()
    if _WHOLE.fullmatch(wanted):
        if service.ask(_ONE, id=wanted)["run"] is None:
            raise NoSuchRun(f"there is no run {wanted}", hint="see: forkpoint runs list")
        return wanted
    page = cast("Mapping[str, object]", service.ask(_NEWEST, first=_LOOKED_AT)["runs"])
    nodes = cast("Sequence[Mapping[str, str]]", page["nodes"])
    found = [node["id"] for node in nodes if node["id"].startswith(wanted)]
    if len(found) == 1:
        return found[0]
    if found:
        raise NoSuchRun(f"{len(found)} runs begin with {wanted}; give more of the id")
    raise NoSuchRun(f"no recent run begins with {wanted}", hint="see: forkpoint runs list")
