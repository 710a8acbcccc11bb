"""Chaos: real processes, killed at random moments, and afterwards every row counted."""
