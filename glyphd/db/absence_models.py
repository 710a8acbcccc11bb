"""Peewee models of when offers were gone and back; see `archive_models`."""

from peewee import BigIntegerField, CompositeKey, Model, TextField

from glyphd.db.fields import TimeTextField


class OfferGone(Model):
    """An offer that a complete file was the first to leave out: the moment of the file, the offer's
    last observation before it, and the file's import. Derived."""

    gone_at = TimeTextField()
    event_id = BigIntegerField()
    import_id = TextField()

    class Meta:
        table_name = "offers_gone"
        primary_key = CompositeKey("gone_at", "event_id")
        without_rowid = True


class OfferBack(Model):
    """An observation of an offer that was gone before it. Derived."""

    seen_at = TimeTextField()
    event_id = BigIntegerField()

    class Meta:
        table_name = "offers_back"
        primary_key = CompositeKey("seen_at", "event_id")
        without_rowid = True


OfferGone.add_index(OfferGone.event_id, name="offers_gone_by_event")

ABSENCE_MODELS = (OfferGone, OfferBack)
