"""Makes a replay session of a bundle file; imported only by processes that replay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from forkpoint.bundle.reader import read_bundle
from forkpoint.capture.elsewhere import SocketElsewhere
from forkpoint.capture.guards import Exempt, Guard
from forkpoint.capture.resolving import finder
from forkpoint.redact.engine import Redactor
from forkpoint.replay.elsewhere import OFFLINE
from forkpoint.replay.recording import Recording
from forkpoint.replay.session import Session
from forkpoint.replay.spec import ReplaySpec, parse_spec, read_spec


def session_of(
    recording: object,
    spec: object,
    *,
    redactor: Redactor | None,
    resolvers: Sequence[str] = (),
) -> Session:
    """A session from a recording or a bundle's path, and a spec as value, JSON mapping or bytes.

    Raises `ReplayError` and `BundleError`.
    """
    loaded = recording if isinstance(recording, Recording) else load(Path(str(recording)))
    asked = _spec(spec)
    if asked.guard is None:
        asked = replace(asked, guard="python")
    return Session(
        loaded,
        asked,
        redaction_key_id=None if redactor is None else redactor.key_id,
        token_of=None if redactor is None else redactor.token_of,
        resolvers=finder(resolvers),
        elsewhere=OFFLINE if asked.elsewhere is None else SocketElsewhere(asked.elsewhere),
    )


def guard_of(session: Session, collector: str | None) -> Guard:
    """What keeps a session from the world; `collector` is our own, None if nothing is sent."""
    exempt = Exempt.of(collector, session.spec.policy.allow_subprocess)
    return Guard(session, replace(exempt, elsewhere=session.spec.elsewhere))


def load(path: Path) -> Recording:
    """The recording in a bundle file."""
    bundle = read_bundle(path)
    return Recording.load(bundle.start, bundle.end, bundle.events, bundle.get)


def _spec(spec: object) -> ReplaySpec:
    if isinstance(spec, ReplaySpec):
        return spec
    return parse_spec(spec) if isinstance(spec, bytes) else read_spec(spec)
