"""Prometheus's own tools, from Debian's package `prometheus`."""

import os
import shutil
import subprocess

import pytest


def require_installed(command: str) -> str:
    """The path of the command. If it is missing, the test is skipped, and fails in CI."""
    path = shutil.which(command)
    if path is None:
        assert not os.environ.get("CI"), f"CI needs {command}: apt-get install prometheus"
        pytest.skip(f"{command} is missing (Debian: apt-get install prometheus)")
    return path


def promtool(*words: str, given: str = "") -> str:
    """The output of promtool, which must find nothing wrong."""
    done = subprocess.run(
        [require_installed("promtool"), *words],
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
