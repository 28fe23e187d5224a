"""What a child process records to disk, brought to the service while the child writes it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from forkpoint.capture.collector import Collector, HttpCollector
from forkpoint.capture.spool import SpoolReader
from forkpoint.capture.transport import Sender
from forkpoint.errors import TransportError, Unavailable

from forkpoint_cli.settings import Settings

TRIES = 3
"""How often the end of a recording is sent before it is left for later."""
WAIT_S = 0.5


class Upload(Protocol):
    """Takes what a child records below a folder, while it does."""

    @property
    def complete(self) -> bool:
        """Whether the service has all of it."""
        ...

    def advance(self) -> None:
        """Take what is there now."""
        ...

    def finish(self) -> None:
        """Take the rest: the child has ended."""
        ...


class NoUpload:
    """Leaves it where it is, to be thrown away."""

    complete = False

    def __init__(self, _settings: Settings, _folder: Path) -> None:
        pass

    def advance(self) -> None:
        """Do nothing."""

    def finish(self) -> None:
        """Do nothing."""


@dataclass(slots=True)
class SpoolUpload:
    """Uploads every spool below one folder: the child's own, and those of its children."""

    settings: Settings
    folder: Path
    collector: Callable[[], Collector] | None = None
    """Makes what takes it; None: the service of the settings."""
    keep: bool = True
    """Whether what the service does not take now is kept for later."""
    trouble: TransportError | None = None
    """Why the last attempt failed; None when all there was has been acknowledged."""
    _senders: dict[str, Sender] = field(default_factory=dict[str, Sender])

    @property
    def complete(self) -> bool:
        """Whether the service has all of it."""
        return self.trouble is None

    def advance(self) -> None:
        """Send what is there now; a service that is away is tried again at the next call."""
        self.trouble = None
        for sender in self._found():
            try:
                while sender.pump():
                    pass
            except TransportError as error:
                self.trouble = error

    def finish(self) -> None:
        """Send the rest. What the service does not take stays for the next recorder to send."""
        for attempt in range(TRIES):
            self.advance()
            if not isinstance(self.trouble, Unavailable):
                break
            time.sleep(WAIT_S * (attempt + 1))
        if self.trouble is not None and self.keep:
            self._leave()

    def _collector(self) -> Collector:
        if self.collector is not None:
            return self.collector()
        return HttpCollector(self.settings.url, token=self.settings.token)

    def _found(self) -> list[Sender]:
        for folder in sorted(path for path in self.folder.iterdir() if path.is_dir()):
            if folder.name not in self._senders:
                self._senders[folder.name] = Sender(
                    SpoolReader(folder),
                    self._collector(),
                    rejected_folder=self.settings.data / "rejected",
                )
        return list(self._senders.values())

    def _leave(self) -> None:
        """Move the spools to where a recorder of this data directory adopts them."""
        adopted = self.settings.data / "spool"
        adopted.mkdir(parents=True, mode=0o700, exist_ok=True)
        for name in self._senders:
            (self.folder / name).rename(adopted / name)
