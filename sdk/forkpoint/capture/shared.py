"""The file in which all processes of one replay say what they used up."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import orjson


class SharedFile:
    """Where the processes of one replay say what they used up: a JSON object a line, appended."""

    def __init__(self, path: str) -> None:
        self.path = path

    @classmethod
    def made(cls) -> SharedFile:
        """A new one, of this user alone."""
        descriptor, path = tempfile.mkstemp(prefix="forkpoint-replay-")
        os.close(descriptor)
        return cls(path)

    def tell(self, told: Mapping[str, object]) -> None:
        """Append one; lines of several processes never mix."""
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        try:
            os.write(descriptor, orjson.dumps(told, default=str) + b"\n")
        finally:
            os.close(descriptor)

    def taken(self) -> list[dict[str, object]]:
        """All that was said; the file is gone."""
        path = Path(self.path)
        lines = path.read_bytes().splitlines()
        path.unlink()
        return [orjson.loads(line) for line in lines if line.endswith(b"}")]
