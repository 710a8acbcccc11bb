"""The worker process: claims jobs and runs them. It imports glyphd; glyphd never imports it."""

from worker.pending import run_pending

__all__ = ["run_pending"]
