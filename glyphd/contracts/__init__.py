"""The contracts between clients and the archive: the listing row, row errors, imports and queries,
as pydantic models."""
