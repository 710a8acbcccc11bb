"""The archive's interface for the rest of glyphd: identity, staging, the one write transaction, and
the store."""
