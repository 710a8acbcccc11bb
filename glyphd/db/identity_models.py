"""Peewee models of what the archive says of itself."""

from peewee import IntegerField, Model, TextField

from glyphd.db.fields import TimeTextField


class ArchiveIdentity(Model):
    """The random id that archive and registry share."""

    archive_id = TextField(primary_key=True)

    class Meta:
        table_name = "archive_identity"


class SchemaVersion(Model):
    """One applied step of the archive's schema."""

    version = IntegerField(primary_key=True)
    name = TextField(unique=True)
    applied_at = TimeTextField()

    class Meta:
        table_name = "schema_version"
