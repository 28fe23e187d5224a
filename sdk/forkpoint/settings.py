"""Settings of the SDK: one frozen value per process; arguments win over the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Literal

from forkpoint.errors import ConfigurationError

Fail = Literal["open", "closed"]
_MiB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Redaction:
    """What is masked before anything leaves the process, besides the built-in key rules."""

    secrets: tuple[str, ...] = ()
    """Values to mask wherever they appear, besides those of secret-looking environment names."""
    safe_keys: tuple[str, ...] = ()
    """Object keys whose values are no secrets though a key rule matches them."""
    secret_keys: tuple[str, ...] = ()
    """Object keys (case, `-` and `_` do not matter) whose values are secrets."""
    isolation: Literal["project", "run"] = "project"
    """`run`: equal values get other tokens in each run, so runs cannot be compared."""
    epoch: int = 1
    """Number of the token key in use; a higher one is a rotation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything the recorder can be told. The environment name is in each field's metadata."""

    url: str = field(default="http://127.0.0.1:4600", metadata={"env": "FORKPOINT_URL"})
    """Base URL of the collector."""
    token: str | None = field(default=None, repr=False, metadata={"env": "FORKPOINT_TOKEN"})
    """Bearer token (`fp_...`); optional when the collector runs on this machine."""
    data: Path = field(default=Path("~/.forkpoint"), metadata={"env": "FORKPOINT_DATA"})
    """Folder for the spool and the redaction key."""
    fail: Fail = field(default="open", metadata={"env": "FORKPOINT_FAIL"})
    """`open`: the agent goes on whatever happens to the recording. `closed`: a call that cannot be
    recorded raises `CaptureError` before it acts."""
    fail_wait_s: float = field(default=0.0, metadata={"env": "FORKPOINT_FAIL_WAIT_S"})
    """Under `closed`, seconds a call waits for room in the spool before it raises."""
    disabled: bool = field(default=False, metadata={"env": "FORKPOINT_DISABLED"})
    """1: nothing is recorded and nothing is patched."""
    spool: Path | None = field(default=None, metadata={"env": "FORKPOINT_SPOOL"})
    """Write the recording below this folder and open no connection; someone else uploads it."""
    replay: Path | None = field(default=None, metadata={"env": "FORKPOINT_REPLAY"})
    """Bundle (`.fpb`) that answers the calls of this process's first run."""
    replay_spec: Path | None = field(default=None, metadata={"env": "FORKPOINT_REPLAY_SPEC"})
    """JSON file: session, policy, cut, edits of that replay, and where its report goes."""
    context: str | None = field(default=None, metadata={"env": "FORKPOINT_CONTEXT"})
    """Set by forkpoint in programs that a run starts: the run and strand they belong to."""
    redact_key: str | None = field(
        default=None, repr=False, metadata={"env": "FORKPOINT_REDACT_KEY"}
    )
    """Key of the redaction tokens, 32 bytes as base64; made on first use if neither is given."""
    redact_key_file: Path | None = field(
        default=None, metadata={"env": "FORKPOINT_REDACT_KEY_FILE"}
    )
    """File that holds it."""
    code_version: str | None = field(default=None, metadata={"env": "FORKPOINT_CODE_VERSION"})
    """Commit or release of the agent, stored on each run."""
    user_modules: tuple[str, ...] = field(default=(), metadata={"env": "FORKPOINT_USER_MODULES"})
    """Installed packages, by comma, that are your code: what they draw from clock and chance is
    recorded too."""
    draws: bool = field(default=True, metadata={"env": "FORKPOINT_DRAWS"})
    """0: what code draws from clock and chance is not recorded, and nothing is patched for it."""
    variables: tuple[str, ...] = field(default=(), metadata={"env": "FORKPOINT_VARIABLES"})
    """Environment variables, by comma, whose values are recorded with each run and compared by its
    replays, as host, folder, hash seed and versions are."""
    resolvers: tuple[str, ...] = field(default=(), metadata={"env": "FORKPOINT_RESOLVERS"})
    """Globs of `module:function`, by comma: what policies and edits of a replay may run here."""
    propagate: tuple[str, ...] = field(
        default=("localhost", "127.*", "::1"), metadata={"env": "FORKPOINT_PROPAGATE"}
    )
    """Globs of hosts, by comma, whose requests say in `baggage` of which run they are, so that a
    service can join it (`forkpoint.instrument()`); `none` for nobody."""
    queue_events: int = field(default=10_000, metadata={"env": "FORKPOINT_QUEUE_EVENTS"})
    """Events that may wait in memory; more are counted and lost."""
    queue_bytes: int = field(default=64 * _MiB, metadata={"env": "FORKPOINT_QUEUE_BYTES"})
    """Bytes of snapshots that may wait in memory; beyond, payloads are withheld."""
    spool_bytes: int = field(default=256 * _MiB, metadata={"env": "FORKPOINT_SPOOL_BYTES"})
    """Bytes the spool may take on disk."""
    file_bytes: int = field(default=128 * _MiB, metadata={"env": "FORKPOINT_FILE_BYTES"})
    """Bytes of one attached file; a larger one is withheld."""
    flush_s: float = field(default=2.0, metadata={"env": "FORKPOINT_FLUSH_S"})
    """Seconds the end of the process may wait for the recording to be written and sent."""
    redaction: Redaction = Redaction()
    environment: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """The environment as it was read, for known secret values; never written anywhere."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], **given: object) -> Settings:
        """Settings of this environment; keyword arguments that are not None win over it."""
        known = {one.name: one for one in fields(cls)}
        if unknown := set(given) - set(known):
            raise ConfigurationError(f"unknown setting {', '.join(sorted(unknown))}")
        values: dict[str, object] = {"environment": dict(environment)}
        for name, one in known.items():
            text = environment.get(one.metadata.get("env", ""), "")
            if text:
                values[name] = _read(name, text, default=getattr(_DEFAULTS, name))
        values |= {name: value for name, value in given.items() if value is not None}
        return _checked(replace(_DEFAULTS, **values))  # pyright: ignore[reportArgumentType]


def _read(name: str, text: str, *, default: object) -> object:
    if name in ("data", "spool", "replay", "replay_spec", "redact_key_file"):
        return Path(text)
    if isinstance(default, tuple):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if isinstance(default, bool):
        return text.lower() in ("1", "true", "yes", "on")
    if isinstance(default, int | float):
        try:
            return type(default)(text)
        except ValueError:
            raise ConfigurationError(f"setting `{name}` must be a number") from None
    return text


def _checked(settings: Settings) -> Settings:
    if settings.fail not in ("open", "closed"):
        raise ConfigurationError(f"FORKPOINT_FAIL must be open or closed, not {settings.fail!r}")
    if not settings.url.startswith(("http://", "https://")):
        raise ConfigurationError("FORKPOINT_URL must begin with http:// or https://")
    data = Path(settings.data).expanduser()
    return replace(settings, data=data, url=settings.url.rstrip("/"))


_DEFAULTS = Settings()
