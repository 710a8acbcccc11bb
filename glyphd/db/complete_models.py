"""Peewee model of the complete files that say what is gone; see `archive_models`."""

from peewee import BigIntegerField, Model, TextField

from glyphd.db.fields import TimeTextField


class CompleteSource(Model):
    """One source with a complete file that counts: the one that speaks for the latest moment.
    Derived.

    `source` is folded as for comparisons; `first_id` and `last_id` are the lowest and the highest
    id of the import's events, null if it has none.
    """

    source = TextField(primary_key=True)
    import_id = TextField()
    complete_at = TimeTextField()
    first_id = BigIntegerField(null=True)
    last_id = BigIntegerField(null=True)

    class Meta:
        table_name = "complete_sources"
        without_rowid = True
