"""Where a run happens: host, process, folder, Python, libraries, and variables that were listed.

Recorded once a run and compared by its replays; nothing here is looked up more than once a run.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence

LIBRARIES = ("openai", "anthropic", "langchain", "langgraph", "llama_index", "mcp", "httpx")
"""Told with their version where the process has loaded them."""


def surroundings(variables: Sequence[str]) -> dict[str, object]:
    """The value of a run's `environment` artifact."""
    return {
        "host": platform.node(),
        "pid": os.getpid(),
        "cwd": _folder(),
        "hashSeed": os.environ.get("PYTHONHASHSEED", "random"),
        "python": platform.python_version(),
        "platform": sys.platform,
        "libraries": _versions(),
        "variables": {name: os.environ.get(name) for name in variables},
    }


def _folder() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109 - `Path.cwd` does the same and costs more
    except OSError:  # it was removed
        return None


def _versions() -> dict[str, str]:
    found: dict[str, str] = {}
    for name in LIBRARIES:
        version = getattr(sys.modules.get(name), "__version__", None)
        if isinstance(version, str):
            found[name] = version
    return found
