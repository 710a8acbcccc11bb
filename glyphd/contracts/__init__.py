"""What clients and archive agree on: the listing row, row errors, imports and queries, as pydantic
contracts."""
