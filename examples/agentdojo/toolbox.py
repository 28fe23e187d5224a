# pyright: basic, reportMissingTypeStubs=false
# The package agentdojo leaves its type arguments open.
"""The tools of AgentDojo's banking and slack suites, on the environment one recorded run had."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, cast

import forkpoint

from examples.agentdojo.recordings import Recorded
from examples.agentdojo.suites import FunctionsRuntime, get_suite, tool_result_to_str

Effect = Literal["pure", "read", "idempotent_write", "write"]

VERSION = "v1.2.2"
"""Version of the task suites the runs were recorded with."""

EFFECTS: Mapping[str, Effect] = {
    "get_iban": "read",
    "get_balance": "read",
    "get_most_recent_transactions": "read",
    "get_scheduled_transactions": "read",
    "get_user_info": "read",
    "read_file": "read",
    "send_money": "write",
    "schedule_transaction": "write",
    "update_scheduled_transaction": "idempotent_write",
    "update_user_info": "idempotent_write",
    "update_password": "idempotent_write",
    "get_channels": "read",
    "get_users_in_channel": "read",
    "read_channel_messages": "read",
    "read_inbox": "read",
    "get_webpage": "read",
    "add_user_to_channel": "idempotent_write",
    "invite_user_to_slack": "write",
    "remove_user_from_slack": "idempotent_write",
    "send_channel_message": "write",
    "send_direct_message": "write",
    "post_webpage": "write",
}
"""What calling each tool does to the world; replay decides by it what may run again."""

INTENTS: Mapping[str, list[str]] = {
    "send_money": ["recipient", "amount", "date"],
    "schedule_transaction": ["recipient", "amount", "date", "recurring"],
    "invite_user_to_slack": ["user"],
    "send_channel_message": ["channel", "body"],
    "send_direct_message": ["recipient", "body"],
    "post_webpage": ["url", "content"],
}
"""The arguments that make two writes the same deed."""


_KEYWORD = inspect.Parameter.KEYWORD_ONLY


class Toolbox:
    """One task environment and the tools that act on it, each recorded as a step."""

    def __init__(self, recorded: Recorded) -> None:
        suite = get_suite(VERSION, recorded.log.suite_name)
        task = suite.user_tasks[recorded.log.user_task_id]
        world = suite.load_and_inject_default_environment(recorded.log.injections)
        self._world = task.init_environment(world)
        self._runtime = FunctionsRuntime(suite.tools)
        self._tools = {name: self._recorded(name) for name in self._runtime.functions}
        self.executed = 0
        """How often the body of a tool ran; a replay leaves it at 0."""

    @property
    def definitions(self) -> list[dict[str, object]]:
        """What the model is told of the tools, in the form of chat completions."""
        return [
            {
                "type": "function",
                "function": {
                    "name": function.name,
                    "description": function.description,
                    "parameters": function.parameters.model_json_schema(),
                },
            }
            for function in self._runtime.functions.values()
        ]

    def call(self, name: str, args: Mapping[str, object]) -> str:
        """What the model is shown of the result: text, or the error as `Class: message`."""
        if name not in self._tools:
            return f"Invalid tool {name} provided."
        try:
            return self._tools[name](**args)
        except Exception as error:  # whatever a tool raises is an answer to the model
            return f"{type(error).__name__}: {error}"

    def _recorded(self, name: str) -> Callable[..., str]:
        def tool(**args: object) -> str:
            self.executed += 1
            result, _ = self._runtime.run_function(
                self._world, name, cast("Mapping[str, Any]", args), raise_on_error=True
            )
            return tool_result_to_str(result)

        tool.__name__ = tool.__qualname__ = name
        tool.__signature__ = _signature(self._runtime.functions[name].parameters.model_fields)
        decorate = forkpoint.tool(
            effect=EFFECTS[name], version=VERSION, intent=INTENTS.get(name, ())
        )
        return decorate(tool)


def _signature(names: Iterable[str]) -> inspect.Signature:
    """The arguments a tool takes, so that it is recorded under their names."""
    return inspect.Signature([inspect.Parameter(name, _KEYWORD) for name in names])
