"""The redactor a recorder of this data directory would use: same key, same rules, same secrets."""

from __future__ import annotations

import os

from forkpoint.capture.assembly import redactor_of
from forkpoint.redact.engine import Redactor
from forkpoint.settings import Settings as RecorderSettings

from forkpoint_cli.settings import Settings


def our_redactor(settings: Settings) -> Redactor:
    """Reads or makes the key file. Raises `RedactionError`."""
    return redactor_of(RecorderSettings.from_environment(os.environ, data=settings.data))
