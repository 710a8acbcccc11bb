"""Attacks from other processes, and the bounds that must hold for all other clients meanwhile."""
