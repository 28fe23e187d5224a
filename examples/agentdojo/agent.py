"""A tool-calling agent on the `openai` client, recorded by Forkpoint.

    python -m examples.agentdojo.agent --run NAME [--base-url URL] [--stream] | --list

`NAME` is a recorded run: it gives the question, the environment and the model's name.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import forkpoint
import openai
from openai.types.chat import ChatCompletion

from examples.agentdojo.policy import Check, recorded_policy
from examples.agentdojo.recordings import Recorded, executable, load
from examples.agentdojo.streaming import assemble
from examples.agentdojo.toolbox import Toolbox

BASE_URL = os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:4611/v1")
TURNS = 16
"""Model calls at most, as when the runs were recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """What one run works with."""

    client: openai.OpenAI
    model: str
    toolbox: Toolbox
    check: Check | None
    stream: bool = False

    def solve(self, messages: list[dict[str, object]]) -> str:
        """Ask and act until the model answers without a tool call; that answer."""
        definitions = self.toolbox.definitions
        for turn in range(1, TURNS + 1):
            said = self._ask(messages, definitions)
            messages.append(said)
            calls = cast("Sequence[Mapping[str, Any]]", said.get("tool_calls") or ())
            if not calls or turn == TURNS:
                break
            messages += [self._act(call) for call in calls]
        return str(messages[-1].get("content") or "")

    def _ask(
        self, messages: list[dict[str, object]], definitions: list[dict[str, object]]
    ) -> dict[str, object]:
        request: dict[str, Any] = {
            "model": self.model,
            "messages": messages,
            "tools": definitions,
            "temperature": 0,
        }
        if self.stream:
            with self.client.chat.completions.create(**request, stream=True) as chunks:
                return assemble(chunks)
        create = cast("Callable[..., ChatCompletion]", self.client.chat.completions.create)
        answer = create(**request).choices[0].message
        return assistant(answer.content, [call.model_dump() for call in answer.tool_calls or ()])

    def _act(self, call: Mapping[str, Any]) -> dict[str, object]:
        name, args = call["function"]["name"], json.loads(call["function"]["arguments"])
        refusal = self.check(name, args) if self.check else None
        shown = refusal if refusal is not None else self.toolbox.call(name, args)
        return {"role": "tool", "tool_call_id": call["id"], "content": shown}


def assistant(content: str | None, calls: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """What the model said, as the next request repeats it."""
    said: dict[str, object] = {"role": "assistant", "content": content}
    if calls:
        said["tool_calls"] = [
            {key: call[key] for key in ("id", "type", "function")} for call in calls
        ]
    return said


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One run: its id, the whole conversation, and the answer it ended with."""

    run: str
    chat: list[dict[str, object]]
    answer: str


def record(recorded: Recorded, agent: Agent) -> Outcome:
    """Run the agent on a recorded question as one Forkpoint run."""
    system, user = recorded.chat[:2]
    chat = [dict(system), dict(user)]

    @forkpoint.agent
    def assistant_at_work(question: str) -> str:
        chat[1]["content"] = question
        return agent.solve(chat)

    attack = recorded.log.attack_type or "none"
    suite, task = recorded.task
    tags = ("agentdojo", f"suite:{suite}", f"task:{task}", f"attack:{attack}")
    attributes = {"name": recorded.name}
    with forkpoint.run(f"{suite}/{task}", tags=tags, attributes=attributes) as run:
        answer = assistant_at_work(str(user["content"]))
        run.set_output(answer)
    return Outcome(run=run.id, chat=chat, answer=answer)


def repeat(name: str, *, base_url: str | None = None, stream: bool = False) -> str:
    """Work on the question of a recorded run; the answer. An entry point for runners and tests."""
    forkpoint.instrument()
    recorded = load(name)
    client = openai.OpenAI(base_url=base_url or BASE_URL, api_key="local", max_retries=0)
    agent = Agent(
        client=client,
        model=recorded.name,
        toolbox=Toolbox(recorded),
        check=recorded_policy(recorded),
        stream=stream,
    )
    return record(recorded, agent).answer


def main() -> None:
    """Run on one question and print the answer."""
    options = _options()
    if options.list:
        print("\n".join(executable()))
        return
    print(repeat(options.run, base_url=options.base_url, stream=options.stream))
    forkpoint.flush()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--run", metavar="NAME", help="a recorded run, see --list")
    what.add_argument("--list", action="store_true", help="print the runs this agent can repeat")
    parser.add_argument("--stream", action="store_true", help="ask for the answers as streams")
    parser.add_argument(
        "--base-url",
        default=BASE_URL,
        help="an OpenAI-compatible endpoint (default: %(default)s)",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
