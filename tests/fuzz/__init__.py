"""Fuzzing with atheris: `make fuzz SECONDS=60`; the tests run each target for a short time."""
