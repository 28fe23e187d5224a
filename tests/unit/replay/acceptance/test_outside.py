"""What meets the outside: redaction rules and keys, policies, exit codes."""

from __future__ import annotations

import sys
from pathlib import Path

import forkpoint
import pytest
import yaml
from forkpoint.bundle import write_bundle
from forkpoint.errors import ReplayError
from forkpoint.events.kinds import Effect, Kind, Verdict
from forkpoint.replay import codes
from forkpoint.replay.codes import error_exit, exit_code, verdict_of
from forkpoint.replay.policy import read_policy
from forkpoint.replay.rules import CallFacts, Rules
from forkpoint.settings import Redaction, Settings
from forkpoint.testing.memory import recorded
from forkpoint_cli.errors import CliError
from forkpoint_cli.forks import read_policy_file
from forkpoint_cli.main import main
from msgspec.structs import replace

from .agents import run_once

GUIDE = Path(__file__).parents[4] / "docs" / "replay.md"


def test_redacted(monkeypatch: pytest.MonkeyPatch):
    """Recorded under rules that mask `customer`, replayed under rules that do not."""

    @forkpoint.tool(effect="read")
    def look_up(customer: str, note: str) -> str:
        return "found"

    def agent() -> str:
        return look_up("Ann Example", "for Ann Example, today")

    masking = Settings(
        data=Path("unused"),
        redaction=Redaction(secrets=("Ann Example",), secret_keys=("customer",)),
    )
    with recorded(masking, secrets=["Ann Example"]) as tape:
        run_once(agent)
        recording = tape.recording()
        assert b"Ann Example" not in tape.text()

    with recorded() as tape, forkpoint.replaying(recording) as running:
        run_once(agent)
        matches = [step.replay.match for step in tape.steps if step.replay]
    assert running.result is not None
    assert (running.result.verdict, matches) == ("identical", ["token"])

    monkeypatch.setattr("forkpoint.testing.memory.TEST_KEY", b"x" * 32)
    with (
        recorded(masking, secrets=["Ann Example"]),
        forkpoint.replaying(recording) as running,
        pytest.raises(forkpoint.Diverged),
    ):
        run_once(agent)
    assert running.result is not None
    assert (running.result.verdict, running.result.report["exit"]) == ("incomparable", 125)


def example_policies() -> list[object]:
    """The policies of the guide, as they stand there."""
    blocks = GUIDE.read_text().split("```yaml\n")[1:]
    return [yaml.safe_load(block.partition("```")[0]) for block in blocks[:3]]


EXPECTED = [
    (0, Kind.MODEL, "chat", None, False, "exact"),
    (0, Kind.RETRIEVER, "docs", None, False, "exact"),
    (0, Kind.TOOL, "refund", Effect.WRITE, False, "exact"),
    (1, Kind.MODEL, "chat", None, True, "cached"),
    (1, Kind.TOOL, "search_web", Effect.READ, True, "cached"),
    (1, Kind.TOOL, "refund", Effect.WRITE, True, "cached"),
    (2, Kind.MODEL, "chat", None, False, "cached"),
    (2, Kind.MODEL, "chat", None, True, "live"),
    (2, Kind.TOOL, "refund", Effect.WRITE, True, "simulated"),
    (2, Kind.TOOL, "anything", None, True, "simulated"),
    (2, Kind.TOOL, "search_web", Effect.READ, True, "cached"),
    (2, Kind.RETRIEVER, "docs", None, True, "cached"),
]


def test_policy_examples():
    policies = [read_policy(example) for example in example_policies()]
    rules = [Rules(policy) for policy in policies]

    modes = [
        rules[number].resolve(
            CallFacts(
                kind=kind,
                name=name,
                site=None,
                strand="r",
                key="r#0",
                effect=effect,
                after_cut=after_cut,
            )
        )
        for number, kind, name, effect, after_cut, _ in EXPECTED
    ]

    assert [treatment.mode for treatment in modes] == [expected[-1] for expected in EXPECTED]
    assert len(EXPECTED) == 12
    assert [read_policy(policy.to_json()) for policy in policies] == policies
    assert modes[4].on_miss == ("simulated",)


def test_policy_examples_with_anchors_are_refused(tmp_path: Path):
    path = tmp_path / "policy.yaml"
    path.write_text(
        "policy: forkpoint.policy/1\nbudgets: &all {calls: 1}\ndefault: {budgets: *all}\n"
    )

    with pytest.raises(CliError, match="anchors"):
        read_policy_file(path)


GROUPS = {1: codes.DIVERGENCES | codes.BREACHES | codes.STOPS, 2: codes.FAILURES}
GROUPS[125] = codes.INCOMPARABLE


@pytest.mark.parametrize(
    ("status", "code"), [(status, code) for status in GROUPS for code in sorted(GROUPS[status])]
)
def test_exit_codes(status: int, code: str):
    assert exit_code(verdict_of(code)) == status
    assert error_exit(ReplayError("why", code=code)) == status


AGENT = """
import socket, sys
import forkpoint

@forkpoint.tool(effect="read")
def look(place):
    return f"seen {place}"

with forkpoint.run("agent") as run:
    said = look("attic" if sys.argv[1] == "other" else "cellar")
    if sys.argv[1] == "reach":
        socket.create_connection(("127.0.0.1", 9))
    run.set_output(said)
"""
EDIT = ["--at", "r#0", "--edit", 'output="edited"']
COMMANDS = {
    "identical": (0, "same", []),
    "forked": (0, "same", EDIT),
    "input_changed": (1, "other", []),  # a divergence
    "guard_network": (1, "reach", []),  # a breach
    "no_answer": (1, "other", ["--mode", "cached"]),  # a stop
    "cut_invalid": (2, "same", ["--at", "r#7", *EDIT[2:]]),  # a failure
    "integrity_failed": (2, "same", []),
    "codec_mismatch": (125, "same", []),
}


@pytest.mark.parametrize("what", COMMANDS)
def test_exit_codes_of_the_command(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    status, how, words = COMMANDS[what]
    bundle = recorded_bundle(tmp_path, codec="sig/0" if what == "codec_mismatch" else None)
    if what == "integrity_failed":
        bundle.write_bytes(bundle.read_bytes()[:-1])
    (tmp_path / "agent.py").write_text(AGENT)
    child = [sys.executable, str(tmp_path / "agent.py"), how]
    monkeypatch.setattr(sys, "argv", ["forkpoint", "replay", str(bundle), *words, "--", *child])
    monkeypatch.setenv("FORKPOINT_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("FORKPOINT_URL", "http://127.0.0.1:9")  # nobody listens there
    monkeypatch.setattr("forkpoint_cli.spools.WAIT_S", 0)

    with pytest.raises(SystemExit) as leaving:
        main()

    said = capfd.readouterr()
    assert leaving.value.code == status, said
    assert what in ("cut_invalid", "integrity_failed", "codec_mismatch") or what in said.out


def recorded_bundle(folder: Path, *, codec: str | None) -> Path:
    @forkpoint.tool(effect="read", name="look")
    def look(place: str) -> str:
        return f"seen {place}"

    with recorded() as tape:
        run_once(lambda: look("cellar"))
        start = tape.run if codec is None else replace(tape.run, signature_codec=codec)
        write_bundle(folder / "r.fpb", start, tape.end, enumerate(tape.events), tape.sink.blocks)
    return folder / "r.fpb"


def test_exit_codes_of_verdicts():
    assert [exit_code(verdict) for verdict in Verdict] == [0, 0, 1, 1, 125]
    assert exit_code(None) == 2
