"""Counts with their noun, for sentences that people read: 1 error, 2 errors."""


def counted(count: int, one: str, many: str | None = None) -> str:
    """The count with the noun that fits it; the plural is `many`, or `one` with an s."""
    return f"{count} {noun_for(count, one, many)}"


def noun_for(count: int, one: str, many: str | None = None) -> str:
    """The singular for 1, otherwise the plural."""
    if count == 1:
        return one
    return many if many is not None else f"{one}s"
