"""Peewee models of what is computed from the whole market and kept; see `archive_models`."""

from peewee import BlobField, CompositeKey, Model, TextField


class MarketSummary(Model):
    """One answer about the whole market. Derived; only used in the state of the archive that it
    was computed in.

    `content` is JSON.
    """

    name = TextField(primary_key=True)
    archive_version = TextField()
    content = TextField()

    class Meta:
        table_name = "market_summaries"
        without_rowid = True


class PeerPrices(Model):
    """The prices of the current offers of one model in one condition, in ascending order. Derived;
    of the state of the archive that `market_summaries` names for `peer prices`.

    Model and condition are folded as for comparisons, the condition is empty for none; `prices` are
    doubles, 8 bytes each, little-endian.
    """

    model = TextField()
    condition = TextField()
    prices = BlobField()

    class Meta:
        table_name = "peer_prices"
        primary_key = CompositeKey("model", "condition")
        without_rowid = True


SUMMARY_MODELS = (MarketSummary, PeerPrices)
