"""The settings of one service process: read once, frozen, handed down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

MIB = 1024 * 1024

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})


class SettingsError(Exception):
    """A setting is malformed or contradicts another; the message names the variable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of single requests; the defaults are the documented ones."""

    graphql_body: int = 4 * MIB
    """Bytes of one POST /graphql."""
    query: int = 32 * 1024
    """Characters of a GraphQL document."""
    tokens: int = 2000
    """Lexical tokens of a GraphQL document."""
    deadline_s: float = 5.0
    """Seconds that one GraphQL query or mutation may take."""
    events_body: int = 64 * MIB
    """Bytes of one POST /v1/events, both packed and unpacked."""
    events_line: int = MIB
    """Bytes of one line of it."""
    events_lines: int = 10_000
    socket_message: int = 256 * 1024
    """Bytes of one WebSocket message that comes in."""
    socket_operations: int = 20
    """Subscriptions on one socket."""
    sockets: int = 1000
    """Sockets of one process."""
    sockets_per_token: int = 50
    socket_init_s: float = 5.0
    """Seconds in which `connection_init` must come."""
    socket_recheck_s: float = 60.0
    """Seconds between two looks at the token of an open socket."""
    header: int = 16 * 1024
    """Bytes of all request headers together."""
    in_flight: int = 256 * MIB
    """Bytes of bodies that one process works on at a time; beyond it answers 503."""
    idle_s: float = 30.0
    """Seconds a request body may pause."""
    body_s: float = 120.0
    """Seconds a request body may take in all."""
    failed_logins: int = 20
    """Refused tokens of one address in a minute before it is told to wait."""
    events_per_second: int = 2000
    """Per token, with a burst of five times as much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OtlpLimits:
    """Bounds of OTLP requests and of what they hold; the defaults are the documented ones."""

    body: int = 64 * MIB
    """Bytes of one request, packed and unpacked; the stock exporter's own cap."""
    spans: int = 100_000
    """Spans or log records of one request."""
    span: int = 16 * MIB
    """Bytes of one span."""
    attributes: int = 10_000
    """Of one span."""
    inner: int = 1_000
    """Events, and links, of one span."""
    steps: int = 1_000_000
    """Steps of one run."""
    staged: int = 10 * 1024 * MIB
    """Sealed bytes of a project that wait for workers; beyond it answers 503."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PressureLimits:
    """Beyond these, ingestion answers 503 until it is better."""

    jobs: int = 200_000
    """Jobs that wait, of all projects."""
    sealed: int = 10 * 1024 * MIB
    """Sealed bytes that wait for workers, of all projects."""
    disk_bytes: int = 2 * 1024 * MIB
    """FORKPOINT_MIN_FREE_MIB: bytes that must be free where FORKPOINT_DATA lies."""
    disk_share: float = 0.05
    """Part of that disk that must be free."""
    disk_enough: int = 20 * 1024 * MIB
    """Free bytes that are enough, whatever the share: a twentieth of a large disk is much."""
    memory: int = 1024 * MIB
    """FORKPOINT_MEMORY_MIB: bytes of this process; a smaller bound of its container counts."""
    memory_share: float = 0.8
    """Part of it from which nothing more is taken in while bodies are in flight."""
    sampled_s: float = 2.0
    """Seconds between two looks at all of these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """What one project may bring in through tokens; None: unbounded.

    `project.settings["quotas"]` says it for a single project, in the same words; 0 is unbounded.
    """

    events_per_second: int | None = None
    daily_bytes: int | None = 20 * 10**9
    """Of request bodies, unpacked, in a day of UTC."""
    open_runs: int | None = 1_000
    """Runs that are `running`."""
    event_bytes: int | None = None
    """Of one event, as it is stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything the service may be told."""

    database_url: str
    """FORKPOINT_DATABASE_URL: `postgresql+asyncpg://...`, role `fp_api`."""
    migration_url: str | None = None
    """FORKPOINT_MIGRATION_URL: role `fp_owner`; default: the one of the API."""
    redis_url: str | None = None
    """FORKPOINT_REDIS_URL: Valkey or Redis; None: live views poll."""
    data: Path = Path("~/.forkpoint")
    """FORKPOINT_DATA: where blobs lie when no S3 endpoint is set."""
    host: str = "127.0.0.1"
    """FORKPOINT_HOST: address to listen on."""
    port: int = 4600
    """FORKPOINT_PORT: 0 takes a free one."""
    require_token: bool = False
    """FORKPOINT_REQUIRE_TOKEN=1: nobody is served without a token, loopback included."""
    allowed_hosts: frozenset[str] = frozenset()
    """FORKPOINT_ALLOWED_HOSTS: names besides loopback that a Host header may carry, by comma."""
    allowed_origins: frozenset[str] = frozenset()
    """FORKPOINT_ALLOWED_ORIGINS: origins besides our own that may open sockets, by comma."""
    s3_endpoint: str | None = None
    """FORKPOINT_S3_ENDPOINT: blobs go there instead of into the data directory."""
    s3_bucket: str = "forkpoint"
    """FORKPOINT_S3_BUCKET."""
    s3_access_key: str = ""
    """FORKPOINT_S3_ACCESS_KEY."""
    s3_secret_key: str = field(default="", repr=False)
    """FORKPOINT_S3_SECRET_KEY."""
    cockpit: Path | None = None
    """FORKPOINT_COCKPIT: folder of the built cockpit; default: the packaged one."""
    limits: Limits = field(default_factory=Limits)
    otlp: OtlpLimits = field(default_factory=OtlpLimits)
    pressure: PressureLimits = field(default_factory=PressureLimits)
    quotas: Quotas = field(default_factory=Quotas)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read FORKPOINT_* variables; raises `SettingsError`."""
        database_url = environment.get("FORKPOINT_DATABASE_URL")
        if not database_url:
            raise SettingsError("FORKPOINT_DATABASE_URL is not set; `forkpoint up` sets it")
        cockpit = environment.get("FORKPOINT_COCKPIT")
        return cls(
            database_url=async_url(database_url),
            migration_url=environment.get("FORKPOINT_MIGRATION_URL") or None,
            redis_url=environment.get("FORKPOINT_REDIS_URL") or None,
            data=Path(environment.get("FORKPOINT_DATA") or "~/.forkpoint").expanduser(),
            host=environment.get("FORKPOINT_HOST") or "127.0.0.1",
            port=_port(environment),
            require_token=environment.get("FORKPOINT_REQUIRE_TOKEN", "") in ("1", "true", "yes"),
            allowed_hosts=_names(environment, "FORKPOINT_ALLOWED_HOSTS"),
            allowed_origins=_names(environment, "FORKPOINT_ALLOWED_ORIGINS"),
            s3_endpoint=environment.get("FORKPOINT_S3_ENDPOINT") or None,
            s3_bucket=environment.get("FORKPOINT_S3_BUCKET") or "forkpoint",
            s3_access_key=environment.get("FORKPOINT_S3_ACCESS_KEY", ""),
            s3_secret_key=environment.get("FORKPOINT_S3_SECRET_KEY", ""),
            cockpit=Path(cockpit) if cockpit else None,
            pressure=PressureLimits(
                memory=_mebibytes(environment, "FORKPOINT_MEMORY_MIB", 1024),
                disk_bytes=_mebibytes(environment, "FORKPOINT_MIN_FREE_MIB", 2048),
            ),
        )

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the service."""
        return self.host in LOOPBACK_HOSTS


def async_url(url: str) -> str:
    """The URL with the asyncpg driver named; `postgresql://` alone means another driver."""
    for prefix in ("postgresql://", "postgres://"):
        if url.startswith(prefix):
            return "postgresql+asyncpg://" + url.removeprefix(prefix)
    return url


def _port(environment: Mapping[str, str]) -> int:
    text = environment.get("FORKPOINT_PORT") or "4600"
    if not text.isdecimal() or int(text) > 65535:
        raise SettingsError("FORKPOINT_PORT must be a number from 0 to 65535")
    return int(text)


def _mebibytes(environment: Mapping[str, str], variable: str, default: int) -> int:
    text = environment.get(variable) or str(default)
    if not text.isdecimal() or not 0 < int(text) < 2**30:
        raise SettingsError(f"{variable} must be a number of MiB")
    return int(text) * MIB


def _names(environment: Mapping[str, str], variable: str) -> frozenset[str]:
    return frozenset(
        part.strip().lower() for part in environment.get(variable, "").split(",") if part.strip()
    )
