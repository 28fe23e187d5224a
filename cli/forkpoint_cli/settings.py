"""Where the service is and who we are to it: arguments, then environment, then defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DEFAULT_URL = "http://127.0.0.1:4600"
DEFAULT_DATA = "~/.forkpoint"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything the commands need to know about their surroundings."""

    url: str = DEFAULT_URL
    """FORKPOINT_URL: address of the service, without a path."""

    token: str | None = None
    """FORKPOINT_TOKEN: needed unless the service is on this machine."""

    data: Path = Path(DEFAULT_DATA)
    """FORKPOINT_DATA: keys, spools and temporary bundles."""

    raw: bool = False
    """Show recorded text as it is, control characters and all."""

    @property
    def graphql_url(self) -> str:
        """Where queries and mutations go."""
        return f"{self.url}/graphql"

    @property
    def websocket_url(self) -> str:
        """Where subscriptions go."""
        return "ws" + self.graphql_url.removeprefix("http")

    def run_url(self, run: str) -> str:
        """The cockpit's page of a run."""
        return f"{self.url}/runs/{run}"

    def diff_url(self, a: str, b: str) -> str:
        """The cockpit's page that compares two runs."""
        return f"{self.url}/diff/{a}...{b}"


def read_settings(
    environment: Mapping[str, str],
    *,
    url: str | None = None,
    token: str | None = None,
    data: str | None = None,
    raw: bool = False,
) -> Settings:
    """Settings of this process; what is None comes from the environment."""
    directory = Path(data or environment.get("FORKPOINT_DATA") or DEFAULT_DATA)
    return Settings(
        url=(url or environment.get("FORKPOINT_URL") or DEFAULT_URL).rstrip("/"),
        token=token or environment.get("FORKPOINT_TOKEN") or None,
        data=directory.expanduser().absolute(),
        raw=raw,
    )
