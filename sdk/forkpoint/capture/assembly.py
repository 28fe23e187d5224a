"""Puts a recorder together from settings: where it spools, what it masks with, who sends."""

from __future__ import annotations

from time import time_ns

from forkpoint.capture.counters import Counters
from forkpoint.capture.disk import DiskSpool
from forkpoint.capture.keys import project_key
from forkpoint.capture.recorder import Recorder
from forkpoint.capture.uplink import SpoolUplink
from forkpoint.redact.engine import Redactor
from forkpoint.redact.known import from_environment
from forkpoint.redact.names import Names
from forkpoint.redact.ruleset import Ruleset
from forkpoint.redact.tokens import TokenKey
from forkpoint.settings import Settings


def assembled(settings: Settings) -> Recorder:
    """The recorder these settings describe: a spool on disk, sent on unless they say otherwise."""
    counters = Counters()
    spool = DiskSpool(
        settings.spool or settings.data / "spool",
        counters=counters,
        clock=time_ns,
        bound=settings.spool_bytes,
    )
    uplink = None if settings.spool else SpoolUplink(spool, settings, counters)
    return Recorder(
        settings,
        spool,
        lambda run_id: redactor_of(settings, run_id=run_id),
        counters=counters,
        uplink=uplink,
    )


def redactor_of(settings: Settings, *, run_id: str | None = None) -> Redactor:
    """The redactor of a process, or of one run; reads or makes the key file.

    Raises `RedactionError`.
    """
    asked = settings.redaction
    ruleset = Ruleset(secret_keys=asked.secret_keys, safe_keys=asked.safe_keys)
    names = Names(secret=asked.secret_keys, safe=asked.safe_keys)
    key = TokenKey(project_key(settings), epoch=asked.epoch, run_id=run_id)
    secrets = [*asked.secrets, *from_environment(settings.environment, names)]
    return Redactor(ruleset, key, secrets)
