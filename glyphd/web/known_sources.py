"""The sources that a form offers."""

from peewee import Database

from glyphd.api.visitors import visitor
from glyphd.importing.import_relations import recent_sources


def known_sources(registry: Database, limit: int) -> list[str]:
    """The latest ones, or the only one that the visitor may import as."""
    bound = visitor().source
    return [bound] if bound is not None else recent_sources(registry, limit)
