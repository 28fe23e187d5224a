"""One job of a runner: fetched, executed in a process of its own, and told about."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from forkpoint.errors import ForkpointError, ReplayError, TransportError

from forkpoint_cli.client import Service
from forkpoint_cli.errors import CliError, Refused, ServerAway
from forkpoint_cli.following import Leash, Stopped
from forkpoint_cli.programs import Program
from forkpoint_cli.recordings import download
from forkpoint_cli.replaying import Asked, Report, Unfinished, replay_program
from forkpoint_cli.runner.baselines import Baselines
from forkpoint_cli.runner.facts import Facts
from forkpoint_cli.runner.leases import Lease, LeasedCollector
from forkpoint_cli.runner.spares import Spare, Spares
from forkpoint_cli.session import Session
from forkpoint_cli.settings import Settings
from forkpoint_cli.sources import Opened
from forkpoint_cli.spools import SpoolUpload

BEAT_S = 10.0
NS_PER_S = 1_000_000_000
_END = """
mutation ($session: ID!, $fencing: BigInt!, $report: JSON, $code: String, $message: String) {
  endReplay(input: {
    session: $session, fencing: $fencing, report: $report, code: $code, message: $message
  }) { session { state } }
}
"""
Fields = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A session to execute, as `runnerJobs` brings it."""

    lease: Lease
    run: str
    entrypoint: str
    arguments: Mapping[str, object] | None
    spec: Mapping[str, object]
    deadline_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How a job went: a verdict, or a code and what happened in words."""

    verdict: str | None
    code: str | None = None
    message: str | None = None


def read_job(fields: Fields) -> Job:
    """A job from what the service sent."""
    return Job(
        lease=Lease(session=str(fields["session"]), fencing=int(str(fields["fencing"]))),
        run=str(fields["runId"]),
        entrypoint=str(fields["entrypoint"]),
        arguments=cast("Mapping[str, object] | None", fields["arguments"]),
        spec=cast("Mapping[str, object]", fields["spec"]),
        deadline_ns=int(str(fields["deadlineNs"])),
    )


@dataclass(slots=True, kw_only=True)
class Execution:
    """A job while it is executed, in a thread; `leash` ends it from outside."""

    session: Session
    facts: Facts
    job: Job
    baselines: Baselines = field(default_factory=Baselines)
    spares: Spares | None = None
    leash: Leash = field(default_factory=Leash)
    _over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> Done:
        """Execute the job; the service is told how it went unless it knows already."""
        beating = threading.Thread(target=self._beat, daemon=True)
        beating.start()
        try:
            return self._execute()
        except Stopped as stopped:
            if stopped.message == DEADLINE:
                self._tell(code="deadline", message=stopped.message)
            return Done(verdict=None, code="stopped", message=stopped.message)
        except ReplayError as error:
            return self._failed(error.code, error.message)
        except ServerAway as away:
            return Done(verdict=None, code="away", message=away.message)
        except (CliError, ForkpointError) as error:
            return self._failed("internal", error.message)
        finally:
            self._over.set()
            beating.join()

    def _execute(self) -> Done:
        entry = self.facts.entries.get(self.job.entrypoint)
        if entry is None:
            return self._failed(
                "entrypoint_missing", f"this runner has no entry point {self.job.entrypoint}"
            )
        opened = Opened(recorded=download(self.session.service, self.job.run))
        program = Program(entry=entry, arguments=self.job.arguments, tied=True)
        environment = self.facts.environment
        spec = self.job.spec
        if spec.get("kind") == "fork" and not spec.get("baseline"):
            holds = self.baselines.holds(
                self.session,
                opened,
                program,
                environment=environment,
                leash=self.leash,
                waiting=lambda: self._spare(entry),
            )
            spec = {**spec, "baseline": holds}
        asked = Asked(
            spec=spec,
            environment=environment,
            own_group=True,
            upload=self._upload,
            waiting=self._waiting(entry),
        )
        try:
            done = replay_program(self.session, opened, asked, program, leash=self.leash)
        except Unfinished as ended:
            return self._failed("internal", ended.message)
        verdict = done.report.get("verdict")
        if done.report.get("recorded") == 0 or not done.uploaded:
            self._tell(report=done.report)  # no run ended, so no `finishRun` said so
        return Done(verdict=None if verdict is None else str(verdict))

    def _waiting(self, entry: str) -> Spare | None:
        """A process that waits behind the wall of replays that reach no host, if this is one."""
        policy = cast("Mapping[str, Fields]", self.job.spec.get("policy") or {})
        hosts = policy.get("allow_live", {}).get("hosts")
        return None if self.spares is None or hosts else self.spares.take(entry)

    def _spare(self, entry: str) -> Spare | None:
        """One for the replay before a fork, while the next one gets ready for the fork itself."""
        if self.spares is None:
            return None
        taken = self.spares.take(entry)
        threading.Thread(target=self.spares.prepare, args=(entry,), daemon=True).start()
        return taken

    def _upload(self, settings: Settings, folder: Path) -> SpoolUpload:
        return SpoolUpload(settings, folder, collector=self._collector, keep=False)

    def _collector(self) -> LeasedCollector:
        lost = "another runner holds the session, or it is over"
        settings = self.session.settings
        return LeasedCollector(settings, self.job.lease, lambda: self.leash.pull(lost))

    def _beat(self) -> None:
        """Renew the lease every 10 s, also while nothing is recorded; keep the deadline."""
        collector = self._collector()
        while not self._over.wait(min(BEAT_S, max(0.0, self._left_s()))):
            if self._left_s() <= 0:
                self.leash.pull(DEADLINE)
                return
            try:
                collector.renew()
            except TransportError:
                continue  # the leash was pulled, or the service is away and may come back

    def _left_s(self) -> float:
        return (self.job.deadline_ns - time.time_ns()) / NS_PER_S

    def _failed(self, code: str, message: str) -> Done:
        self._tell(code=code, message=message)
        return Done(verdict=None, code=code, message=message)

    def _tell(
        self, *, report: Report | None = None, code: str | None = None, message: str | None = None
    ) -> None:
        """End the session; it may be over already, which is as good."""
        service: Service = self.session.service
        try:
            service.ask(
                _END, **self.job.lease.variables(), report=report, code=code, message=message
            )
        except (Refused, ServerAway):
            return


DEADLINE = "the time the session was given is over"
