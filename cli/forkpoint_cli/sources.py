"""What `RUN|BUNDLE` means: a file with a recording, or a run the service has."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from forkpoint.bundle import read_bundle
from forkpoint.content import Digest
from forkpoint.events.model import StepStarted

from forkpoint_cli.errors import CliError
from forkpoint_cli.names import resolve_run
from forkpoint_cli.recordings import Recorded, download
from forkpoint_cli.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A recording at hand. `path` is its bundle, None when it came from the service."""

    recorded: Recorded
    path: Path | None = None
    policy: Mapping[str, object] | None = None
    """The policy its bundle brings for replays that are given none."""

    def key_at(self, place: str) -> str:
        """The call key of a place: a key as it is, or the key of a step number."""
        number = place.removeprefix("#")
        steps = {
            str(seq): event.key
            for seq, event in self.recorded.events
            if isinstance(event, StepStarted)
        }
        if number in steps:
            return steps[number]
        if place in steps.values():
            return place
        raise CliError(
            f"run {self.recorded.start.run_id} has no step {place}",
            hint="step numbers are in: forkpoint runs show RUN",
        )

    def get(self, wanted: Collection[Digest]) -> Mapping[Digest, bytes]:
        """The blocks of the recording that are wanted, as `content.decode` asks for them."""
        blocks = self.recorded.blocks
        return {digest: blocks[digest] for digest in wanted if digest in blocks}


def open_source(session: Session, source: str) -> Opened:
    """A bundle when it is a file or named like one, else a run of the service."""
    path = Path(source)
    if path.suffix == ".fpb" or path.is_file():
        return open_bundle(path)
    return Opened(recorded=download(session.service, resolve_run(session.service, source)))


def open_bundle(path: Path) -> Opened:
    """A bundle, verified. Raises `BundleError`."""
    with read_bundle(path) as bundle:
        recorded = Recorded(
            start=bundle.start,
            end=bundle.end,
            events=bundle.events,
            blocks=dict(bundle.blocks.items()),
        )
        policy = bundle.policy
    return Opened(recorded=recorded, path=path.absolute(), policy=policy)
