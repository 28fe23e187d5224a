"""Records of older major versions, brought to the newest one step at a time. Pure.

A function of `UPGRADES` takes the fields of its version and gives those of the next, `v` included;
it changes neither ids nor what anything means, so events keep their place and their identity.
Version 1 is the first one. Minor versions need no function: what they add is optional.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from forkpoint.errors import EventError
from forkpoint.events.model import SCHEMA_VERSION

Fields = Mapping[str, object]
Upgrade = Callable[[Fields], Fields]

UPGRADES: Mapping[int, Upgrade] = {}
"""By the version that a function takes."""


def upgraded(
    fields: Fields, *, newest: int = SCHEMA_VERSION, upgrades: Mapping[int, Upgrade] = UPGRADES
) -> Fields:
    """The fields of a record in the newest version.

    Raises `EventError` `version_unknown` for a newer one, or for what is no version.
    """
    version = fields.get("v", 1)
    if isinstance(version, bool) or not isinstance(version, int) or not 1 <= version <= newest:
        raise EventError(
            f"schema versions 1 to {newest} are known here; upgrade what reads this",
            code="version_unknown",
            field="v",
        )
    for step in range(version, newest):
        fields = upgrades[step](fields)
    return fields
