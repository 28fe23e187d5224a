"""The replay behind one regression test: a bundle, a program, and what came of it."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import orjson

from forkpoint.bundle import Bundle, read_bundle
from forkpoint.capture import process
from forkpoint.capture.assembly import redactor_of
from forkpoint.capture.hosting import call_entry, fitting
from forkpoint.capture.recorder import Recorder
from forkpoint.capture.replaying import replaying
from forkpoint.errors import UsageError
from forkpoint.events.ids import run_id
from forkpoint.replay.interception import Breach, Diverged
from forkpoint.replay.policy import POLICY_FORMAT
from forkpoint.replay.recording import Recording
from forkpoint.testing import expectations
from forkpoint.testing.drift import Sorted, sort_report
from forkpoint.testing.expectations import Unmet
from forkpoint.testing.made import Made, out_of_memory, out_of_spools, value_of
from forkpoint.testing.memory import MemorySink

Policy = Mapping[str, object]
Report = Mapping[str, object]
COMMAND_S = 600
"""Seconds a replayed command may take."""


class Unreached(Exception):
    """No recorded answer fits, so the run was halted: how it would have ended is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a replay came to, as far as a test is concerned."""

    report: Report
    sorted: Sorted
    unmet: tuple[Unmet, ...]
    reached: bool
    """Whether the run came to its own end, so that its outcome means something."""
    made: Made


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How the tests are run: `live` allows what their policies allow, else all budgets are 0."""

    live: bool = False
    update: bool = False


class Regression:
    """Replays its bundle once: called with a function, or by `command` in a child process."""

    def __init__(self, path: Path, *, policy: Policy | None, wanted: Wanted) -> None:
        self.path = path
        self.findings: Findings | None = None
        self._wanted = wanted
        self.bundle: Bundle = read_bundle(path)
        self.bundle_id = self.bundle.manifest.id
        self.expected = expectations.read(self.bundle.expect)
        bundle = self.bundle
        self.recording = Recording.load(bundle.start, bundle.end, bundle.events, bundle.get)
        self.policy = effective_policy(policy or bundle.policy, wanted)

    def close(self) -> None:
        """Let go of the bundle."""
        self.bundle.close()

    def __call__(
        self, function: Callable[..., object], /, *args: object, **kwargs: object
    ) -> object:
        """Call the program; coroutine functions are run to their end. What it returned.

        Without arguments it gets those attributes of the recorded run that it takes. An error the
        recorded run raised too is part of the recording and goes no further.
        """
        given = kwargs if args or kwargs else fitting(function, self._attributes())
        spec = self._spec()
        sink, value, failure = MemorySink(), None, None
        with _recording_to(sink), replaying(self.recording, spec) as replay:
            try:
                value = call_entry(partial(function, *args, **given), {})
            except (Diverged, Breach):
                pass
            except Exception as error:
                failure = error
        if replay.result is None:
            raise failure or _no_run(getattr(function, "__name__", "the program"))
        run = str(spec["run_id"])
        self._found(
            replay.result.report,
            out_of_memory(sink.starts, sink.ends, sink.events, sink.blocks, run=run),
        )
        if failure is not None and replay.result.verdict != "identical":
            raise failure
        self._check_reached()
        return value

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a program in a child that is replayed and records to disk; how it ended."""
        with tempfile.TemporaryDirectory(prefix="forkpoint-") as folder:
            at = Path(folder)
            spec = {**self._spec(), "report": str(at / "report.json")}
            (at / "spec.json").write_bytes(orjson.dumps(spec))
            (at / "spool").mkdir()
            done = subprocess.run(
                words,
                env=_environment(self.path, at),
                capture_output=True,
                text=True,
                check=False,
                timeout=COMMAND_S,
            )
            try:
                report: Report = orjson.loads((at / "report.json").read_bytes())
            except OSError:
                raise UsageError(
                    f"{words[0]} ended with status {done.returncode} before its replay was over:"
                    f" {done.stderr[-2000:]}"
                ) from None
            self._found(report, out_of_spools(at / "spool", run=str(spec["run_id"])))
        self._check_reached()
        return done

    def _attributes(self) -> Mapping[str, object]:
        start = self.bundle.start
        found = value_of(start.artifacts, "attributes", self.bundle.get)
        return cast("Mapping[str, object]", found) if isinstance(found, Mapping) else {}

    def _spec(self) -> dict[str, object]:
        if self.findings is not None:
            raise UsageError("a test replays its bundle once")
        new = run_id(time.time_ns(), os.urandom(10))
        return {"session": str(uuid.uuid4()), "run_id": new, "policy": self.policy}

    def _found(self, report: Report, made: Made | None) -> None:
        if made is None:
            raise _no_run("the program")
        ended = made.end is not None and str(made.end.error_class).rpartition(".")[2] not in (
            Diverged.__name__,
            Breach.__name__,
        )
        unmet = expectations.unmet(self.expected, made.outcome()) if ended else []
        self.findings = Findings(
            report=report,
            sorted=sort_report(report, self.recording),
            unmet=tuple(unmet),
            reached=ended,
            made=made,
        )

    def _check_reached(self) -> None:
        if self.findings is not None and not self.findings.reached:
            failed = cast("Report", self.findings.report.get("failedStep") or {})
            raise Unreached(f"{failed.get('reason')} at {failed.get('key')}")


def effective_policy(given: Policy | None, wanted: Wanted) -> dict[str, object]:
    """The policy of a test: exact where none is given, and nothing live unless that is wanted.

    An update without a policy takes recorded answers wherever an equal call was recorded.
    """
    mode = "cached" if wanted.update else "exact"
    base: dict[str, object] = (
        {"policy": POLICY_FORMAT, "default": {"mode": mode}} if given is None else dict(given)
    )
    if wanted.live:
        return base
    rules = cast("Sequence[Mapping[str, object]]", base.get("rules") or ())
    base["rules"] = [{key: one for key, one in rule.items() if key != "budgets"} for rule in rules]
    default = cast("Mapping[str, object]", base.get("default") or {})
    base["default"] = {key: one for key, one in default.items() if key != "budgets"}
    return {**base, "budgets": {}, "allow_live": {"hosts": []}}


def read_policy_file(path: Path) -> Policy:
    """A policy in JSON. Raises `UsageError`."""
    try:
        value: object = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise UsageError(f"{path} is no policy in JSON: {error}") from None
    if not isinstance(value, dict):
        raise UsageError(f"{path}: a policy is an object")
    return cast("Policy", value)


def _recording_to(sink: MemorySink) -> ExitStack:
    """Record into memory in this block, masked as this process masks."""
    stack = ExitStack()
    settings = process.settings()
    recorder = Recorder(settings, sink, lambda run: redactor_of(settings, run_id=run))
    before = process.install(recorder)
    stack.callback(process.install, before)
    stack.callback(recorder.stop)
    return stack


def _environment(bundle: Path, folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "FORKPOINT_REPLAY": str(bundle),
        "FORKPOINT_REPLAY_SPEC": str(folder / "spec.json"),
        "FORKPOINT_SPOOL": str(folder / "spool"),
    }


def _no_run(name: str) -> UsageError:
    return UsageError(f"{name} opened no forkpoint.run(); its first one is what is replayed")
