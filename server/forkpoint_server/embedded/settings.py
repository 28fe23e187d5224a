"""The settings of the one-command mode, read once from arguments and environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from forkpoint_server.embedded.errors import EmbeddedError

DEFAULT_PORT = 4600


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """Directories and programs to prefer over the wheels; None: look for them."""

    postgres_bin: Path | None = None
    """FORKPOINT_PG_BIN: directory of `initdb`, `postgres` and `psql`."""

    valkey: Path | None = None
    """FORKPOINT_VALKEY_BIN: the server program that speaks the Redis protocol."""


@dataclass(frozen=True, slots=True, kw_only=True)
class External:
    """Services that somebody else runs; for each one set here nothing is started."""

    database_url: str | None = None
    """FORKPOINT_DATABASE_URL: role `fp_api` of an external Postgres."""

    worker_database_url: str | None = None
    """FORKPOINT_WORKER_DATABASE_URL: role `fp_worker`; default: the one of the API."""

    migration_url: str | None = None
    """FORKPOINT_MIGRATION_URL: role `fp_owner`; default: the one of the API."""

    redis_url: str | None = None
    """FORKPOINT_REDIS_URL: an external Valkey or Redis."""

    s3_endpoint: str | None = None
    """FORKPOINT_S3_ENDPOINT: blobs go there instead of into the data directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedSettings:
    """Everything `up` may be told."""

    data: Path
    """FORKPOINT_DATA: the data directory, default `~/.forkpoint`."""

    host: str = "127.0.0.1"
    """FORKPOINT_HOST: the address the API listens on."""

    port: int = DEFAULT_PORT
    """FORKPOINT_PORT: its port; 0 takes any free one."""

    programs: Programs = field(default_factory=Programs)
    external: External = field(default_factory=External)

    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    """What the API and the worker inherit."""


def read_settings(
    environment: Mapping[str, str], *, data: str | None = None, port: int | None = None
) -> EmbeddedSettings:
    """Arguments first, then the environment, then the defaults."""
    directory = Path(data or environment.get("FORKPOINT_DATA") or Path.home() / ".forkpoint")
    return EmbeddedSettings(
        data=directory.expanduser().absolute(),
        host=environment.get("FORKPOINT_HOST") or "127.0.0.1",
        port=_port(environment) if port is None else port,
        programs=read_programs(environment),
        external=External(
            database_url=environment.get("FORKPOINT_DATABASE_URL") or None,
            worker_database_url=environment.get("FORKPOINT_WORKER_DATABASE_URL") or None,
            migration_url=environment.get("FORKPOINT_MIGRATION_URL") or None,
            redis_url=environment.get("FORKPOINT_REDIS_URL") or None,
            s3_endpoint=environment.get("FORKPOINT_S3_ENDPOINT") or None,
        ),
        environment=dict(environment),
    )


def read_programs(environment: Mapping[str, str] = os.environ) -> Programs:
    """The programs somebody chose instead of those in the wheels."""
    postgres, valkey = environment.get("FORKPOINT_PG_BIN"), environment.get("FORKPOINT_VALKEY_BIN")
    return Programs(
        postgres_bin=Path(postgres) if postgres else None,
        valkey=Path(valkey) if valkey else None,
    )


def _port(environment: Mapping[str, str]) -> int:
    text = environment.get("FORKPOINT_PORT") or str(DEFAULT_PORT)
    if not text.isdecimal() or int(text) > 65535:
        raise EmbeddedError(f"FORKPOINT_PORT is {text!r}: give a number from 0 to 65535")
    return int(text)
