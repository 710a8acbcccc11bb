"""Benchmarks of speed and memory. Each result is a ratio to a peer in the same run."""
