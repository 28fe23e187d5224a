"""Replays asked for through the API, for tests: recordings with payload, sessions, runners."""

from __future__ import annotations

from typing import Any

from forkpoint.content import digest_from_text, digest_text, signature
from forkpoint.events.kinds import Kind
from recorded import Recording
from serving import Service

SESSION = """id runId newRunId kind executor state reason message verdict sample says waits
    failedStep { key sequence sourceKey reason } progress { n state key matched total }
    newRun { id status verdict stepCount origin { runId session kind } }"""
START = f"""mutation($i: StartReplayInput!) {{ startReplay(input: $i) {{
    plan {{ executor kind steps says notes waits hosts cut {{ askedKey usedKey snapped side }}
        groups {{ where kind mode ladder rule edited steps names }}
        effects {{ name effect mode steps allowed }} estimate {{ calls tokens costMicroUsd }}
        budgets {{ calls tokens costUsd wallS }}
        choices {{ executor refusal }} refusals {{ code field message }} }}
    sessions {{ {SESSION} }} }} }}"""
ASK = f"query($id: ID!) {{ replaySession(id: $id) {{ {SESSION} report spec }} }}"
CANCEL = f"""mutation($s: ID!) {{ cancelReplay(input: {{session: $s}}) {{
    session {{ {SESSION} }} }} }}"""
ROOTS = """query($id: ID!) { run(id: $id) { steps(first: 200) { nodes { key status signature
    artifacts { role root } replay { mode match sourceRun sourceKey executor } } } } }"""
PROGRESS = """subscription($s: ID!, $a: Int!) { replayProgress(sessionId: $s, after: $a) {
    n state key matched total } }"""
JOBS = """subscription($r: RunnerInput!) { runnerJobs(runner: $r) {
    stop job { session fencing runId newRunId entrypoint arguments spec leaseS } } }"""


def tool_loop(turns: int = 2, *, found: str = "x" * 40, **fields: Any) -> Recording:
    """A run of model and tool steps with payload: each turn asks for one tool call."""
    recording = Recording(**fields)
    messages: list[dict[str, Any]] = [{"role": "user", "content": "refund order 7"}]
    for turn in range(turns):
        call = {
            "id": f"c{turn}",
            "type": "function",
            "function": {"name": "look", "arguments": "{}"},
        }
        reply = {"role": "assistant", "content": None, "tool_calls": [call]}
        step(recording, f"r#{2 * turn}", Kind.MODEL, "chat", {"messages": [*messages]}, reply)
        result = {"turn": turn, "found": found}
        step(recording, f"r#{2 * turn + 1}", Kind.TOOL, "look", {"args": {}}, result)
        messages += [reply, {"role": "tool", "tool_call_id": f"c{turn}", "content": str(result)}]
    final = {"role": "assistant", "content": "done"}
    step(recording, f"r#{2 * turns}", Kind.MODEL, "chat", {"messages": messages}, final)
    return recording


def step(
    recording: Recording,
    key: str,
    kind: Kind,
    name: str,
    parts: dict[str, object],
    output: object,
    **fields: Any,
) -> None:
    """One signed step with its input parts and its output."""
    refs = {part: recording.ref(f"input.{part}", value) for part, value in parts.items()}
    roots = {part: digest_from_text(ref.root or "") for part, ref in refs.items()}
    begun = recording.step(
        key,
        kind=kind,
        name=name,
        artifacts=list(refs.values()),
        signature=digest_text(signature(kind, name, roots)),
        **fields,
    )
    recording.end(begun, artifacts=(recording.ref("output", output),))


async def start(service: Service, run_id: str, **asked: object) -> Any:
    """`startReplay` that must be taken: plan and sessions."""
    answer = await service.data(START, i={"runId": run_id, **asked})
    return answer["startReplay"]


async def session_of(service: Service, session_id: str) -> Any:
    """A session as it is now."""
    answer = await service.data(ASK, id=session_id)
    return answer["replaySession"]


async def steps_of(service: Service, run_id: str) -> list[dict[str, Any]]:
    """Steps with the roots of their artifacts by role."""
    answer = await service.data(ROOTS, id=run_id)
    nodes = answer["run"]["steps"]["nodes"]
    for node in nodes:
        node["artifacts"] = {each["role"]: each["root"] for each in node["artifacts"]}
    return nodes
