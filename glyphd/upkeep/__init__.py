"""Maintenance: verifying and copying what is kept, and rebuilding the archive from it."""
