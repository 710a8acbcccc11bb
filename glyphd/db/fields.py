"""Column types that Peewee lacks, with the SQL they need on each database."""

from peewee import TextField


class CaselessTextField(TextField):
    """Text whose filters ignore ASCII case: `COLLATE NOCASE` on SQLite, `lower(… COLLATE "C")` on
    PostgreSQL."""


class TimeTextField(TextField):
    """A moment as UTC text of fixed width (`2025-07-29T12:12:00.000000Z`): text order is time
    order."""


class JsonTextField(TextField):
    """A JSON document stored as text, so that every digit is preserved."""
