"""Chaos runs: real processes are killed at random moments, and afterwards every row is counted."""
