"""Runs schemathesis against a service, open or with a token; `make api-fuzz` does both for a long
time."""

import os
import subprocess
import sys
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.error import HTTPError

from tests.e2e.processes import data_in, get, readiness, run, serving, until, upload

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
SAMPLE = ROOT / "sample/scored_sample.csv"


def ask_everything(
    folder: Path, *options: str, with_token: bool = False
) -> subprocess.CompletedProcess[str]:
    """Starts a service with some data, and runs every check of schemathesis on it: without tokens,
    or as an administrator."""
    environment = data_in(folder / "data")
    with serving(environment=environment) as api:
        until(lambda: readiness(api.address)["status"] == "ready")
        upload(api.address, SAMPLE.read_bytes())
        if with_token:
            options = (*options, "--header", f"Authorization: Bearer {_first_token(environment)}")
            until(lambda: _needs_token(api.address))
        command = [
            f"{sys.prefix}/bin/schemathesis",
            f"--config-file={FOLDER / 'schemathesis.toml'}",
            "run",
            f"{api.address}/openapi.json",
            "--checks=all",
            "--no-color",
            *options,
        ]
        # Where it saves its findings, so that none of them are left in the checkout.
        of_command = os.environ | {
            "PYTHONPATH": str(ROOT),
            "HYPOTHESIS_STORAGE_DIRECTORY": str(folder),
        }
        return subprocess.run(
            command, cwd=folder, env=of_command, capture_output=True, text=True, check=False
        )


def _first_token(environment: dict[str, str]) -> str:
    """A token for everything; with it the service refuses requests without one."""
    created = run("token", "create", "asking", "--scope", "admin", environment=environment)
    return created.stdout.strip()


def _needs_token(address: str) -> bool:
    try:
        get(address, "/api/listings?limit=1")
    except HTTPError as refused:
        return refused.code == HTTPStatus.UNAUTHORIZED
    return False


def main() -> int:
    """Returns 0 if nothing was found, with and without a token."""
    worst = 0
    for with_token in (False, True):
        with TemporaryDirectory() as name:
            done = ask_everything(Path(name), *sys.argv[1:], with_token=with_token)
        sys.stdout.write(done.stdout + done.stderr)
        worst = max(worst, done.returncode)
    return worst


if __name__ == "__main__":
    sys.exit(main())
