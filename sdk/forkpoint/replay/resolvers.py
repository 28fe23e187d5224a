"""Resolvers: functions of the host that answer simulated calls, and bodies that replace others.

A policy names one (`simulate: {function: "module:name"}`), an edit too (`impl`). The engine asks
for it by that name and never imports anything: what may be named is for the host to say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from forkpoint.errors import ReplayError
from forkpoint.events.kinds import Kind
from forkpoint.replay.interception import Outcome
from forkpoint.replay.simulate import error_value


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a resolver is asked."""

    kind: Kind
    name: str
    key: str
    """Call key of the step to answer."""
    inputs: Mapping[str, object]
    """Input parts by name, redacted, edits made."""
    recorded: object | None
    """The output of the recorded step at its place, if there is one."""


Resolver = Callable[..., object]
"""Takes a `Question` and returns the output; what it raises, the call raises."""
FindResolver = Callable[[str], Resolver | None]
"""A function by the name policies and edits use; None if it may not be used."""


def no_resolver(_name: str) -> Resolver | None:
    """What a process that allows none says."""
    return None


def found(find: FindResolver, name: str) -> Resolver:
    """The function of a name; `ReplayError` `simulator_failed` if it may not be used."""
    resolver = find(name)
    if resolver is None:
        raise ReplayError(
            f"`{name}` is not among the functions this process allows; add it to"
            " FORKPOINT_RESOLVERS, or install it under the entry point `forkpoint.resolvers`",
            code="simulator_failed",
        )
    return resolver


def resolved(resolver: Resolver, question: Question) -> Outcome:
    """What a resolver answers."""
    try:
        return Outcome(output=resolver(question))
    except Exception as error:  # the call fails as the resolver did
        kind = type(error)
        value = error_value(kind.__qualname__, str(error), module=kind.__module__)
        return Outcome(error=value, status="error")
