"""Schemathesis against a running service; `make api-fuzz` asks it for long."""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.e2e.processes import data_in, readiness, serving, until, upload

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
SAMPLE = ROOT / "sample/scored_sample.csv"


def ask_everything(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Starts a service with something in it, and puts every check of schemathesis to it."""
    with serving(environment=data_in(folder / "data")) as api:
        until(lambda: readiness(api.address)["status"] == "ready")
        upload(api.address, SAMPLE.read_bytes())
        command = [
            f"{sys.prefix}/bin/schemathesis",
            f"--config-file={FOLDER / 'schemathesis.toml'}",
            "run",
            f"{api.address}/openapi.json",
            "--checks=all",
            "--no-color",
            *options,
        ]
        # Where it keeps what it found, so that nothing of it is left in the checkout.
        environment = os.environ | {
            "PYTHONPATH": str(ROOT),
            "HYPOTHESIS_STORAGE_DIRECTORY": str(folder),
        }
        return subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )


if __name__ == "__main__":
    with TemporaryDirectory() as name:
        done = ask_everything(Path(name), *sys.argv[1:])
    sys.stdout.write(done.stdout + done.stderr)
    sys.exit(done.returncode)
