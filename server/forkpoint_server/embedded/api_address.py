"""The port of the API: whether it is free, and whether somebody answers there as Forkpoint does."""

from __future__ import annotations

import errno
import http.client
import socket
from dataclasses import dataclass

from forkpoint_server.embedded.errors import EmbeddedError, PortTaken

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}


@dataclass(frozen=True, slots=True)
class ApiAddress:
    """Where the API listens."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """What to open on this machine."""
        near = self._near()
        return f"http://{f'[{near}]' if ':' in near else near}:{self.port}"

    def answers(self, path: str) -> bool:
        """Whether GET gives 200 within a second."""
        connection = http.client.HTTPConnection(self._near(), self.port, timeout=1)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _near(self) -> str:
        return _EVERYWHERE.get(self.host, self.host)


def free_address(host: str, *, port: int) -> ApiAddress:
    """The address, checked to be free; port 0 becomes one that is. Raises `PortTaken`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortTaken(host, port=port) from None
            raise EmbeddedError(
                f"cannot listen on {host}, port {port}: {error.strerror}"
            ) from error
        return ApiAddress(host, probe.getsockname()[1])
