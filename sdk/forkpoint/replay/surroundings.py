"""Compares where a run was recorded with where it is replayed; what is elsewhere is no fault."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from forkpoint.content.errors import ContentError
from forkpoint.events.kinds import ArtifactState
from forkpoint.replay.answers import read
from forkpoint.replay.findings import Divergence, Findings
from forkpoint.replay.recording import Recording, reference

Surroundings = Mapping[str, object]
ROLE = "environment"
LISTED = 50
"""Differences told in a report."""
_DRAWN = ("variables.", "hashSeed")
"""What an agent's answers may depend on: drift, as of any other draw."""
_CODE = ("libraries.", "python")


def differences(recording: Recording, now: Surroundings | None) -> list[dict[str, object]]:
    """Names with both values, sorted; none where one side is not known."""
    before = _recorded(recording)
    if before is None or now is None:
        return []
    left, right = _flat(before), _flat(now)
    names = sorted(name for name in left | right if left.get(name) != right.get(name))
    return [
        {"name": name, "recorded": left.get(name), "now": right.get(name)}
        for name in names[:LISTED]
    ]


def judge(
    found: list[dict[str, object]], findings: Findings, *, nondeterminism: str, intervened: bool
) -> None:
    """Note drift and other versions; drift is a divergence where the policy is `strict`."""
    for one in found:
        name = str(one["name"])
        if name.startswith(_CODE):
            findings.note("code_version", name)
        elif name.startswith(_DRAWN) and nondeterminism != "off":
            if nondeterminism == "strict" and not intervened:
                message = f"{name} was {one['recorded']!r} when recorded and is {one['now']!r}"
                code = "nondeterminism_drift"
                findings.diverge(Divergence(reason=code, key="", message=message[:500]))
            else:
                findings.note("nondeterminism_drift", name)


def _recorded(recording: Recording) -> Surroundings | None:
    ref = reference(recording.start.artifacts, ROLE)
    if ref is None or ref.root is None or ref.state is not ArtifactState.CLEAN:
        return None
    try:
        value = read(ref.root, recording.get)
    except ContentError:  # nothing is served from it
        return None
    return cast("Surroundings", value) if isinstance(value, Mapping) else None


def _flat(value: Surroundings) -> dict[str, object]:
    """Members, and those of members that are objects as `name.member`."""
    flat: dict[str, object] = {}
    for name, member in value.items():
        if isinstance(member, Mapping):
            inner = cast("Mapping[str, object]", member)
            flat |= {f"{name}.{key}": one for key, one in inner.items()}
        else:
            flat[name] = member
    return flat
