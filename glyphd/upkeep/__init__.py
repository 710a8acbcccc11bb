"""Maintenance: verifying, backing up and rebuilding."""
