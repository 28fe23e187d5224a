"""Write the settings of docker-compose.yml: `.env` from `.env.template`, with random secrets.

What `.env` has already stays, so it may be run again after an update; passwords that a volume was
made with must never change by themselves. Needs nothing but Python.
"""

from __future__ import annotations

import os
import secrets
from base64 import b64encode
from pathlib import Path

ROOT = Path(__file__).parents[1]
RANDOM, RANDOM_KEY = "random", "random-key"


def filled(template: str, present: str) -> str:
    """The template with the values of `present` and, for what is missing, random ones."""
    known = dict(
        line.split("=", 1)
        for line in present.splitlines()
        if "=" in line and not line.startswith("#")
    )
    lines: list[str] = []
    for line in template.splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            value = _random(value)
            line = f"{name}={known.pop(name, value)}"
        lines.append(line)
    lines += [f"{name}={value}" for name, value in known.items()]
    return "\n".join(lines) + "\n"


def _random(value: str) -> str:
    """A password or a key of 32 bytes where the template asks for one; else what it says."""
    if value == RANDOM_KEY:
        return b64encode(secrets.token_bytes(32)).decode()
    return secrets.token_hex(20) if value == RANDOM else value


def main(root: Path = ROOT) -> None:
    """Write it, readable by its owner only."""
    path, unfinished = root / ".env", root / ".env.new"
    present = path.read_text() if path.exists() else ""
    unfinished.unlink(missing_ok=True)
    handle = os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(filled((root / ".env.template").read_text(), present))
    unfinished.rename(path)
    print(f"{path} is complete")


if __name__ == "__main__":
    main()
