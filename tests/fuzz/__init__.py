"""Fuzzing with atheris: `make fuzz SECONDS=60`, and each target for a moment in the tests."""
