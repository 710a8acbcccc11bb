"""The other process: takes jobs up and runs them. It knows glyphd; glyphd never imports it."""

from worker.pending import run_pending

__all__ = ["run_pending"]
