"""The program that runs one SeaweedFS until nobody uses it any more; see `seaweed.py`.

python seaweed_keeper.py DIRECTORY ACCESS_KEY SECRET_KEY
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from dataclasses import asdict
from pathlib import Path
from random import SystemRandom

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import get_session
from forkpoint_server.embedded import launch
from seaweed import BUCKET, S3, START_SECONDS

_PORTS = 10


def keep(directory: Path, *, access_key: str, secret_key: str) -> None:
    """Run the server until nobody uses it any more."""
    state, data = directory / "s3.json", directory / "data"
    data.mkdir(exist_ok=True)
    first = _free_block()
    server = subprocess.Popen(
        _command(data, first=first),
        env={
            "PATH": os.defpath,
            "HOME": str(directory),
            "AWS_ACCESS_KEY_ID": access_key,
            "AWS_SECRET_ACCESS_KEY": secret_key,
        },
    )
    store = S3(
        endpoint=f"http://127.0.0.1:{first}",
        bucket=BUCKET,
        access_key=access_key,
        secret_key=secret_key,
    )
    with (directory / "users").open("a") as users:
        _wait_for_bucket(server, store)
        unfinished = state.with_suffix(".new")
        unfinished.write_text(json.dumps(asdict(store)))
        unfinished.rename(state)
        fcntl.flock(users, fcntl.LOCK_EX)
        state.unlink()
        _stop(server)
        shutil.rmtree(data, ignore_errors=True)


def _command(data: Path, *, first: int) -> list[str]:
    """Only the S3 door of one machine; SIGKILL reaches it should the keeper be killed."""
    weed = str(Path(sysconfig.get_path("scripts")) / "weed")
    launcher = [sys.executable, "-I", "-S", launch.__file__]
    launcher += [str(int(signal.SIGKILL)), str(os.getpid()), "0"]
    names = ["s3.port", "s3.port.grpc", "filer.port", "filer.port.grpc", "master.port"]
    names += ["master.port.grpc", "volume.port", "volume.port.grpc", "admin.port"]
    names += ["admin.port.grpc"]
    ports = [f"-{name}={first + offset}" for offset, name in enumerate(names)]
    settings = [f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-bucket={BUCKET}"]
    settings += ["-admin.ui=false", "-webdav=false", "-master.telemetry=false"]
    settings += ["-s3.port.iceberg=0", "-s3.port.lance=0"]
    return [*launcher, weed, "mini", *settings, *ports]


def _free_block() -> int:
    """The first of ten neighbouring ports that are free now."""
    while True:
        first = SystemRandom().randrange(20_000, 32_000, _PORTS)
        with contextlib.ExitStack() as held, contextlib.suppress(OSError):
            for port in range(first, first + _PORTS):
                held.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return first


def _wait_for_bucket(server: subprocess.Popen[bytes], store: S3) -> None:
    """Until a signed HeadBucket succeeds: the door opens a little before the bucket is made."""
    client = get_session().create_client(
        "s3",
        endpoint_url=store.endpoint,
        region_name="us-east-1",
        aws_access_key_id=store.access_key,
        aws_secret_access_key=store.secret_key,
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            client.head_bucket(Bucket=store.bucket)
            return
        except (ClientError, BotoCoreError) as error:
            if server.poll() is not None or time.monotonic() > end:
                _stop(server)
                raise SystemExit(f"SeaweedFS did not become ready: {error}") from error
        time.sleep(0.05)


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


if __name__ == "__main__":
    keep(Path(sys.argv[1]), access_key=sys.argv[2], secret_key=sys.argv[3])
