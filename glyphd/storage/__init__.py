"""The archive as the rest of glyphd sees it: identity, staging, the one write transaction, and the
store."""
