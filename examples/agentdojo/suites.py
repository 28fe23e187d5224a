# pyright: basic, reportMissingTypeStubs=false
# The package agentdojo leaves its type arguments open.
"""AgentDojo's task suites, without the clients of four model providers it would import for them.

`agentdojo.agent_pipeline` imports the SDK of every provider in its `__init__`, which takes 4 s. The
suites need its base classes only, so the packages are entered without running their `__init__`.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def _enter(package: str) -> None:
    """Make a package importable from, unless something else has imported it already."""
    if package in sys.modules:
        return
    module = ModuleType(package)
    module.__path__ = [str(_ROOT.joinpath(*package.split(".")[1:]))]
    sys.modules[package] = module


_FOUND = importlib.util.find_spec("agentdojo")
if _FOUND is None or _FOUND.origin is None:
    raise ModuleNotFoundError(
        "the example needs the package agentdojo: pip install agentdojo==0.1.35"
    )
_ROOT = Path(_FOUND.origin).parent
_enter("agentdojo.agent_pipeline")
_enter("agentdojo.agent_pipeline.llms")
_enter("agentdojo.agent_pipeline.llms.google_llm")
# The one name the suites want of it.
sys.modules["agentdojo.agent_pipeline.llms.google_llm"].__dict__.setdefault(
    "EMPTY_FUNCTION_NAME", "<empty-function-name>"
)

from agentdojo.agent_pipeline.tool_execution import tool_result_to_str  # noqa: E402
from agentdojo.functions_runtime import FunctionsRuntime  # noqa: E402
from agentdojo.task_suite.load_suites import get_suite  # noqa: E402

__all__ = ["FunctionsRuntime", "get_suite", "tool_result_to_str"]
