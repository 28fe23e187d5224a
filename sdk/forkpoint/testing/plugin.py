"""The pytest plugin: replays the bundle of a marked test and keeps two results apart.

    @pytest.mark.forkpoint("runs/refund.fpb", policy=None)
    def test_refund(forkpoint_replay):
        forkpoint_replay(main)

`test_refund` fails when the program behaves otherwise or misses what `expect.json` says;
`test_refund[prompts]` fails when a model is asked something else than recorded. Loaded by every
pytest of an environment with Forkpoint, so the engine is imported when a test first needs it.
"""

from __future__ import annotations

import importlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import pytest
from _pytest.outcomes import Skipped
from _pytest.reports import TestReport
from _pytest.terminal import TerminalReporter

if TYPE_CHECKING:
    from forkpoint.testing.regression import Findings, Regression

MARK = "forkpoint"
SECTION = "forkpoint update"
PROMPTS = "prompts"
"""Name of the second result of a test."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--forkpoint-update` and `--forkpoint-live`."""
    group = parser.getgroup("forkpoint", "replays of recorded runs")
    group.addoption(
        "--forkpoint-update",
        action="store_true",
        help="rewrite bundles with the runs of now and print what changed",
    )
    group.addoption(
        "--forkpoint-live",
        action="store_true",
        help="let the tests' policies make live calls; without it all their budgets are 0",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the mark; report prompts."""
    config.pluginmanager.register(_Expander(config), "forkpoint-prompts")
    config.addinivalue_line(
        "markers",
        f"{MARK}(bundle, policy=None): replay this bundle (a path beside the test file) under a"
        " policy (a mapping, or the path of a JSON file); see the fixture forkpoint_replay",
    )


@pytest.fixture
def forkpoint_replay(request: pytest.FixtureRequest) -> Generator[Regression]:
    """Replays the bundle of `@pytest.mark.forkpoint`: call it with the program, or `.command()`."""
    item = cast("pytest.Item", request.node)
    mark = item.get_closest_marker(MARK)
    if mark is None or len(mark.args) != 1:
        raise pytest.UsageError('forkpoint_replay needs @pytest.mark.forkpoint("runs/x.fpb")')
    engine = _engine("regression")
    options = request.config.option
    wanted = engine.Wanted(live=options.forkpoint_live, update=options.forkpoint_update)
    policy = _policy(item, mark.kwargs.get("policy"))
    regression = engine.Regression(item.path.parent / mark.args[0], policy=policy, wanted=wanted)
    item.stash[_REGRESSION] = regression
    yield regression
    regression.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Turn what the replay found into the result of the test."""
    result, raised = None, None
    try:
        result = yield
    except Exception as error:
        raised = error
    regression = item.stash.get(_REGRESSION, None)
    if regression is None:
        if raised is not None:
            raise raised
        return result
    found = regression.findings
    if found is None:
        raise raised or pytest.fail.Exception("the test never replayed its bundle", pytrace=False)
    _note(item, regression, found)
    if raised is not None and not isinstance(raised, _engine("regression").Unreached):
        if found.sorted.broken:
            words = _engine("drift").explained(found.report, found.sorted.broken)
            item.add_report_section("call", "forkpoint replay", words)
        raise raised
    _judge(item, regression, found, raised)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, TestReport, TestReport]:
    """Hang the result of the prompts on the last report of the test: so it travels under xdist."""
    report = yield
    prompts = item.stash.get(_PROMPTS, None)
    if report.when == "teardown" and prompts is not None:
        report.__dict__[_ATTRIBUTE] = prompts
    return report


class _Expander:
    """Reports the prompts as a result of their own where reports are read, not where tests run."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: TestReport) -> None:
        prompts: Mapping[str, Any] | None = getattr(report, _ATTRIBUTE, None)
        if prompts is None or hasattr(self._config, "workerinput"):
            return
        for one in _reports(report, prompts):
            self._config.hook.pytest_runtest_logreport(report=one)


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """Count the second results too, for the progress shown."""
    here = cast("Sequence[pytest.Item]", getattr(session, "items", ()))  # elsewhere under xdist
    items = (item for item in here if item.get_closest_marker(MARK))
    session.testscollected += sum(1 for _ in items)
    return (yield)


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Print what updates rewrote, for whoever reviews it."""
    reports = [one for kept in terminalreporter.stats.values() for one in kept]
    shown = [
        text
        for report in reports
        for title, text in getattr(report, "sections", ())
        if SECTION in title  # pytest adds `Captured ... call`
    ]
    if shown:
        terminalreporter.section("forkpoint: bundles rewritten")
        for text in shown:
            terminalreporter.write_line(text)


_REGRESSION = pytest.StashKey["Regression"]()
_PROMPTS = pytest.StashKey[dict[str, Any]]()
_ATTRIBUTE = "forkpoint_prompts"


def _engine(name: str) -> Any:
    """A module of this room: other test suites than those of agents never load it."""
    return importlib.import_module(f"forkpoint.testing.{name}")


def _policy(item: pytest.Item, given: object) -> Mapping[str, object] | None:
    if given is None or isinstance(given, Mapping):
        return cast("Mapping[str, object] | None", given)
    return _engine("regression").read_policy_file(item.path.parent / str(given))


def _note(item: pytest.Item, regression: Regression, found: Findings) -> None:
    """Properties for JUnit, and the result of the prompts."""
    properties = _properties(regression, found)
    item.user_properties += properties
    drifted = found.sorted.drifted
    text = _engine("drift").explained(found.report, drifted) if drifted else None
    item.stash[_PROMPTS] = _prompts(text, properties)


def _properties(regression: Regression, found: Findings) -> list[tuple[str, str]]:
    failed = cast("Mapping[str, object] | None", found.report.get("failedStep")) or {}
    facts = {
        "bundle": str(regression.path.name),
        "bundle_id": regression.bundle_id,
        "run": regression.recording.start.run_id,
        "verdict": found.report.get("verdict") or "failed",
        "exit": found.report.get("exit"),
        "matched": f"{found.report.get('matched')}/{found.report.get('recorded')}",
        "failed_step": failed.get("key"),
        "reason": failed.get("reason"),
        "prompts_drifted": len(found.sorted.drifted),
        "expectations_unmet": len(found.unmet) if found.reached else "unknown",
    }
    return [(f"forkpoint.{name}", str(one)) for name, one in facts.items() if one is not None]


def _judge(
    item: pytest.Item, regression: Regression, found: Findings, unreached: Exception | None
) -> None:
    if item.config.option.forkpoint_update and _update(item, regression, found):
        return
    if found.sorted.broken:
        words = _engine("drift").explained(found.report, found.sorted.broken)
        pytest.fail(f"the program behaves otherwise than recorded\n{words}", pytrace=False)
    if unreached is not None:
        raise Skipped(f"outcome not known: {unreached}", _use_item_location=True)
    if found.unmet:
        words = "\n".join(map(str, found.unmet))
        pytest.fail(f"the outcome is not what expect.json says\n{words}", pytrace=False)


def _update(item: pytest.Item, regression: Regression, found: Findings) -> bool:
    """Rewrite the bundle if it is out of date; whether the test is now as it shall be."""
    updating = _engine("updating")
    if not updating.is_needed(found):
        return False
    try:
        item.add_report_section("call", SECTION, updating.update(regression, found))
    except updating.NotUpdated as refused:
        pytest.fail(f"{regression.path.name} was not rewritten: {refused}", pytrace=False)
    item.stash[_PROMPTS] = _prompts(None, _properties(regression, found))
    return True


def _prompts(drift: str | None, properties: Sequence[tuple[str, str]]) -> dict[str, Any]:
    words = None if drift is None else f"a model is asked something else than recorded\n{drift}"
    return {"failure": words, "properties": [list(pair) for pair in properties]}


def _reports(test: TestReport, prompts: Mapping[str, Any]) -> Iterator[TestReport]:
    path, line, domain = test.location
    for when in ("call", "teardown"):
        failure = prompts["failure"] if when == "call" else None
        yield TestReport(
            nodeid=f"{test.nodeid}[{PROMPTS}]",
            location=(path, line, f"{domain}[{PROMPTS}]"),
            keywords={},
            outcome="passed" if failure is None else "failed",
            longrepr=failure,
            when=cast("Any", when),
            user_properties=[(str(name), str(value)) for name, value in prompts["properties"]],
        )


__all__ = ["MARK", "forkpoint_replay"]
