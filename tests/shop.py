"""A small shop whose clerk answers by what it is told: causes that are known, for verification."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from forkpoint_cli.client import Service
from forkpoint_cli.settings import Settings

PROGRAM = """
import json, sys
from pathlib import Path
import forkpoint

WORLD = Path(__file__).parent / "world.json"

@forkpoint.tool(effect="read")
def look(what):
    return json.loads(WORLD.read_text())[what]

@forkpoint.tool(effect="read")
def banner():
    return {"closed": True}

@forkpoint.model(name="clerk")
def ask(messages):
    if {"closed": True} in messages:
        return "closed"
    return "sold out" if messages[0]["bottles"] == 0 else "some left"

def visit(promo=False):
    with forkpoint.run("shop", attributes={"promo": promo}) as run:
        seen = [look("stock")]
        if promo:
            seen += [shown for shown in [banner()] if shown]
        weather = look("weather")
        run.set_output(ask(messages=seen))

if __name__ == "__main__":
    visit(promo=sys.argv[1] == "promo")
"""
POLICY = {
    "policy": "forkpoint.policy/1",
    "default": {"mode": "cached"},
    "rules": [
        {
            "match": {"kind": "model"},
            "on_miss": ["simulated"],
            "simulate": {
                "cases": [
                    {"when": {"/messages/1/closed": True}, "value": "closed"},
                    {"when": {"/messages/0/bottles": 3}, "value": "some left"},
                    {"when": {"/messages/0/bottles": 0}, "value": "sold out"},
                ]
            },
        }
    ],
}


@dataclass
class Shop:
    """The program, its world, and the service its runs go to."""

    url: str
    folder: Path
    entry: str = field(default_factory=lambda: f"shop-{secrets.token_hex(4)}")

    @property
    def service(self) -> Service:
        return Service(Settings(url=self.url))

    @property
    def environment(self) -> dict[str, str]:
        data = str(self.folder / "data")
        return {**os.environ, "FORKPOINT_URL": self.url, "FORKPOINT_DATA": data}

    def visit(self, *, bottles: int, sky: str, promo: bool = False) -> str:
        """A recorded run in a world of this kind."""
        world = {"stock": {"bottles": bottles}, "weather": {"sky": sky}}
        (self.folder / "world.json").write_text(json.dumps(world))
        done = self.type("capture", *self.child(promo))
        assert done.returncode == 0, done.stderr
        return done.stderr.strip().rpartition("/")[2]

    def ask(self, program: str, *words: str, bottles: int) -> str:
        """A recorded run of another program in a world with so many bottles."""
        (self.folder / "world.json").write_text(json.dumps({"bottles": bottles}))
        done = self.type("capture", "--", *self.program(program), *words)
        assert done.returncode == 0, done.stderr
        return done.stderr.strip().rpartition("/")[2]

    def program(self, text: str) -> list[str]:
        """Another program in this folder, as a command."""
        (self.folder / "other.py").write_text(text)
        return [sys.executable, "other.py"]

    def type(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """What a command says."""
        command = [sys.executable, "-c", "from forkpoint_cli.main import main; main()"]
        return subprocess.run(
            [*command, *map(str, words)],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def child(self, promo: bool = False) -> list[str]:
        """The program as a command."""
        return ["--", sys.executable, "shop.py", "promo" if promo else "plain"]

    def policy(self) -> Path:
        """`POLICY` in a file."""
        path = self.folder / "policy.json"
        path.write_text(json.dumps(POLICY))
        return path

    @contextmanager
    def runner(self) -> Generator[None]:
        """A runner that has the program, as long as it is needed."""
        process = subprocess.Popen(
            [
                *(sys.executable, "-c", "from forkpoint_cli.main import main; main()", "runner"),
                *("--entry", f"{self.entry}=shop:visit", "--jobs", "2"),
            ],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.DEVNULL,
        )
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def open_shop(url: str, folder: Path) -> Shop:
    """A shop in an empty folder."""
    (folder / "shop.py").write_text(PROGRAM)
    return Shop(url=url, folder=folder)
