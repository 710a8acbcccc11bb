"""Attacks from other processes, and what the service owes everybody else meanwhile."""
