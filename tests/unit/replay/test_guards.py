"""Guards: attempts are refused before a byte leaves, on any thread, and remembered."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import forkpoint
import pytest
from forkpoint.capture.guards import Exempt, guarding
from forkpoint.capture.walls import isolation, ports_of, wall_for
from forkpoint.events.kinds import Verdict
from forkpoint.replay.interception import Breach
from forkpoint.replay.recording import Recording
from forkpoint.replay.session import Session
from forkpoint.testing.memory import recorded

NOTHING = Exempt()


class Watched:
    """The side of a replay that guards see."""

    def __init__(self, *hosts: str) -> None:
        self.hosts = hosts
        self.breaches: list[str] = []

    def live_hosts(self) -> Sequence[str]:
        return self.hosts

    def breach(self, code: str, key: str | None = None) -> None:
        self.breaches.append(code)

    def gap(self, what: str) -> None:
        """Nothing of interest here."""


@pytest.fixture
def server() -> Iterator[tuple[socket.socket, tuple[str, int]]]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.05)
        yield listening, listening.getsockname()


def dial(address: tuple[str, int]) -> None:
    with socket.socket() as client:
        client.connect(address)


def was_reached(listening: socket.socket) -> bool:
    try:
        listening.accept()[0].close()
    except TimeoutError:
        return False
    return True


def test_a_connection_is_refused_before_it_is_made(server):
    listening, address = server
    replay = Watched()

    with guarding(replay, NOTHING), pytest.raises(Breach):
        dial(address)

    assert (replay.breaches, was_reached(listening)) == (["guard_network"], False)


def test_the_socket_of_who_looks_in_other_runs_is_let_by_and_no_other():
    replay = Watched()

    with (
        tempfile.TemporaryDirectory(prefix="fp-") as folder,
        socket.socket(socket.AF_UNIX) as elsewhere,
        socket.socket(socket.AF_UNIX) as other,
    ):
        paths = [str(Path(folder) / name) for name in ("elsewhere", "other")]
        for listening, path in zip((elsewhere, other), paths, strict=True):
            listening.bind(path)
            listening.listen()
        with guarding(replay, Exempt(elsewhere=paths[0])):
            for path in paths:
                with contextlib.suppress(Breach), socket.socket(socket.AF_UNIX) as client:
                    client.connect(path)
        reached = [len(select.select([one], [], [], 0)[0]) for one in (elsewhere, other)]

    assert (replay.breaches, reached) == (["guard_network"], [1, 0])


def test_a_breach_swallowed_by_the_program_is_still_known(server):
    _, address = server
    replay = Watched()

    with guarding(replay, NOTHING), contextlib.suppress(BaseException):
        dial(address)

    assert replay.breaches == ["guard_network"]


def test_a_thread_without_our_context_does_not_escape(server):
    listening, address = server
    replay = Watched()

    def work() -> None:
        with pytest.raises(Breach):
            dial(address)

    with guarding(replay, NOTHING):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    assert (replay.breaches, was_reached(listening)) == (["guard_network"], False)


def test_datagrams_are_refused():
    replay = Watched()

    with (
        guarding(replay, NOTHING),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
        pytest.raises(Breach),
    ):
        datagrams.sendto(b"x", ("127.0.0.1", 9))


def test_looking_up_a_name_is_refused_already():
    with guarding(Watched(), NOTHING), pytest.raises(Breach):
        socket.getaddrinfo("api.example.com", 443)


def test_the_hosts_of_an_open_live_call_may_be_reached(server):
    listening, address = server

    with guarding(Watched("127.0.0.*"), NOTHING):
        dial(address)

    assert was_reached(listening)


def test_a_host_allowed_by_name_may_be_reached_at_its_addresses(server):
    listening, (_, port) = server

    with guarding(Watched("localhost"), NOTHING):
        socket.create_connection(("localhost", port)).close()

    assert was_reached(listening)


def test_names_are_learned_though_somebody_put_the_lookup_back(server, monkeypatch):
    listening, (_, port) = server
    before = socket.getaddrinfo
    with guarding(Watched("localhost"), NOTHING):
        monkeypatch.setattr(socket, "getaddrinfo", before)

    with guarding(Watched("localhost"), NOTHING):
        socket.create_connection(("localhost", port)).close()

    assert was_reached(listening)
    assert socket.getaddrinfo is before


def test_the_collector_may_be_reached_on_its_port_only(server):
    listening, address = server
    other = ("127.0.0.1", address[1] + 1)

    with guarding(Watched(), Exempt(collector=address)):
        dial(address)
        with pytest.raises(Breach):
            dial(other)

    assert was_reached(listening)


@pytest.mark.parametrize(
    "start",
    [
        lambda: subprocess.run([sys.executable, "-c", ""], check=False),
        lambda: subprocess.run("true", shell=True, check=False),
        lambda: os.system("true"),
        lambda: os.posix_spawn("/bin/true", ["true"], {}),
    ],
)
def test_programs_are_not_started(start):
    replay = Watched()

    with guarding(replay, NOTHING), pytest.raises(Breach):
        start()

    assert replay.breaches == ["guard_subprocess"]


def test_a_program_the_policy_names_is_started():
    with guarding(Watched(), Exempt(programs=("true",))):
        assert subprocess.run(["true"], check=False).returncode == 0


def test_the_collector_is_found_in_its_url():
    assert Exempt.of("https://in.example.com/x", ()).collector == ("in.example.com", 443)
    assert Exempt.of("http://127.0.0.1:4600", ()).collector == ("127.0.0.1", 4600)
    assert Exempt.of(None, ("git",)) == Exempt(programs=("git",))


def test_an_agent_that_hides_a_breach_in_a_thread_is_diverged(server):
    listening, address = server

    @forkpoint.tool(effect="read")
    def search(query: str) -> str:
        return query

    def leak() -> None:
        with contextlib.suppress(BaseException):
            dial(address)

    def agent(*, leaking: bool) -> None:
        with forkpoint.run("agent"):
            search("a")
            if leaking:
                thread = threading.Thread(target=leak)
                thread.start()
                thread.join()

    with recorded() as tape:
        agent(leaking=False)
        recording = Recording.load(tape.run, tape.end, enumerate(tape.events), tape.get)
    with (
        recorded(),
        forkpoint.replaying(recording) as replay,
        guarding(cast("Session", replay.interceptor), NOTHING),
    ):
        agent(leaking=True)

    assert replay.result is not None
    assert replay.result.verdict is Verdict.DIVERGED
    assert replay.result.report["failedStep"]["reason"] == "guard_network"
    assert not was_reached(listening)


def test_nothing_is_refused_once_the_guard_is_down(server):
    listening, address = server
    with guarding(Watched(), NOTHING):
        pass

    dial(address)

    assert was_reached(listening)


def test_two_guards_at_once_are_refused():
    with guarding(Watched(), NOTHING), pytest.raises(RuntimeError), guarding(Watched(), NOTHING):
        pass


def test_an_isolated_child_reaches_nothing_even_from_c(server):
    listening, (host, port) = server
    words = isolation()
    if words is None:  # no network namespaces here: the guard in Python is all there is
        return
    program = (
        "import socket\n"
        f"code = socket.socket().connect_ex(({host!r}, {port}))\n"
        "raise SystemExit(0 if code else 1)"
    )

    child = subprocess.run([*words, sys.executable, "-c", program], check=False)

    assert (child.returncode, was_reached(listening)) == (0, False)


CONNECT = """
import ctypes, socket, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
for port in sys.argv[1:]:
    number = libc.socket(socket.AF_INET, socket.SOCK_STREAM, 0)
    packed = struct.pack("=HH4s8x", socket.AF_INET, socket.htons(int(port)), b"\\x7f\\0\\0\\x01")
    print(libc.connect(number, packed, len(packed)))
"""


def test_behind_the_wall_of_a_live_host_only_its_ports_are_reached_even_from_c(server):
    listening, (host, port) = server
    wall = wall_for([f"{host}:{port}"])
    if wall.level == "python":  # no Landlock here
        return
    with socket.create_server((host, 0)) as other:
        other.settimeout(0.05)
        ports = [str(port), str(other.getsockname()[1])]
        child = subprocess.run(
            [*wall.words, sys.executable, "-c", CONNECT, *ports],
            check=True,
            capture_output=True,
            text=True,
        )
        reached = (was_reached(listening), was_reached(other))

    assert (child.stdout.split(), reached) == (["0", "-1"], (True, False))


@pytest.mark.parametrize(
    ("hosts", "ports"),
    [
        ([], []),
        (["https://api.example.com:8443/v1", "127.0.0.1:80"], [80, 8443]),
        (["*.example.com"], [80, 443]),
        (["api.example.com", "127.0.0.1"], None),
        (["localhost"], None),
    ],
)
def test_the_ports_of_a_wall_are_those_its_hosts_name(hosts: list[str], ports: list[int] | None):
    assert ports_of(hosts) == ports
