"""`make scale-check`: brings deploy/compose.scale.yml up, imports files while its processes are
killed, and takes it down. Needs root and Debian."""

import argparse
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

from tests.scale.client import Client, Imported
from tests.scale.engine import run, running_engine
from tests.scale.images import build_images

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "deploy/compose.scale.yml"
STATE = ROOT / "build/scale"
KILLED = ("api", "worker", "queue", "database", "store", "proxy")
UP_SECONDS = 300
SENDERS = 8


def compose(*command: str, **variables: str) -> str:
    return run("docker", "compose", "-f", COMPOSE, *command, **variables)


@contextmanager
def brought_up(variables: dict[str, str]) -> Iterator[None]:
    """All services are healthy during the block, and are removed afterwards."""
    try:
        compose("up", "--detach", "--wait", "--wait-timeout", str(UP_SECONDS), **variables)
        yield
    except BaseException:
        with suppress(RuntimeError):
            print(compose("ps", "--all", **variables))
            print(compose("logs", "--tail", "40", **variables))
        raise
    finally:
        compose("down", "--volumes", "--remove-orphans", "--timeout", "20", **variables)


def kill_one(chance: random.Random, variables: dict[str, str]) -> str:
    """Kills a container's first process, as in a crash. The restart policy then applies, which it
    would not after `docker kill`."""
    service = chance.choice(KILLED)
    containers = compose("ps", "--quiet", service, **variables).split()
    if containers:
        found = run("docker", "inspect", "--format", "{{.State.Pid}}", chance.choice(containers))
        with suppress(ProcessLookupError):
            if int(found) > 0:
                os.kill(int(found), signal.SIGKILL)
    return service


def kill_until(ended: Event, every: float, variables: dict[str, str], kills: list[str]) -> None:
    chance = random.Random(1)
    while not ended.wait(every):
        with suppress(RuntimeError):
            kills.append(kill_one(chance, variables))


def check(files: int, every: float, variables: dict[str, str]) -> list[str]:
    """Imports this many files while processes are killed; returns a line for each fault."""
    client = Client(f"http://127.0.0.1:{variables['GLYPHD_PUBLISHED_PORT']}")
    ended, kills = Event(), list[str]()
    killer = Thread(target=kill_until, args=(ended, every, variables, kills))
    began = time.monotonic()
    killer.start()
    try:
        with ThreadPoolExecutor(SENDERS) as pool:
            imported = list(pool.map(client.import_file, range(files)))
    finally:
        ended.set()
        killer.join()
    print(f"{files} files in {time.monotonic() - began:.0f} s, {len(kills)} kills: {sorted(kills)}")
    return list(_wrong(client, imported))


def _wrong(client: Client, imported: list[Imported]) -> Iterator[str]:
    for one in imported:
        if one.status != "succeeded":
            yield f"import {one.import_id} of file {one.number} is {one.status}"
    ids = [one.import_id for one in imported]
    if len(set(ids)) != len(ids):
        yield "two files became one import"
    rows = client.count_events()
    if rows != (expected := sum(one.rows for one in imported)):
        yield f"there are {rows} events of {expected} rows"
    if (known := client.count_imports()) != len(imported):
        yield f"there are {known} imports of {len(imported)} files"


def main() -> int:
    parser = argparse.ArgumentParser(prog="make scale-check", description=__doc__)
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--every", type=float, default=4.0, help="seconds between kills")
    parser.add_argument("--port", type=int, default=18080)
    asked = parser.parse_args()
    secrets = STATE / "secrets"
    shutil.rmtree(secrets, ignore_errors=True)
    run(sys.executable, ROOT / "deploy/scale/make_secrets.py", secrets)
    with running_engine(STATE / "engine"):
        variables = build_images(STATE / "images")
        variables |= {"GLYPHD_SECRETS": str(secrets), "GLYPHD_PUBLISHED_PORT": str(asked.port)}
        began = time.monotonic()
        with brought_up(variables):
            print(f"up in {time.monotonic() - began:.0f} s")
            wrong = check(asked.files, asked.every, variables)
    print("\n".join(wrong) or f"ok: {asked.files} files, each imported once")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
