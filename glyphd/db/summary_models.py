"""Peewee models of what is computed from the whole market and kept; see `archive_models`."""

from peewee import BlobField, CompositeKey, DoubleField, IntegerField, Model, TextField


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


class PeerGroup(Model):
    """The prices of the current offers of one model in one condition, in short. Derived; of the
    state of the archive that `market_summaries` names for `peer prices`.

    Model and condition are folded as for comparisons, the condition is empty for none; `lowest` has
    the lowest price of each of its blocks, stored as in `peer_prices`.
    """

    model = TextField()
    condition = TextField()
    size = IntegerField()
    median = DoubleField()
    lowest = BlobField()

    class Meta:
        table_name = "peer_groups"
        primary_key = CompositeKey("model", "condition")
        without_rowid = True


class PeerPrices(Model):
    """A block of the prices of a `PeerGroup`, which are all in ascending order. Derived.

    `prices` are doubles, 8 bytes each, little-endian; every block but the last has as many.
    """

    model = TextField()
    condition = TextField()
    block = IntegerField()
    prices = BlobField()

    class Meta:
        table_name = "peer_prices"
        primary_key = CompositeKey("model", "condition", "block")
        without_rowid = True


SUMMARY_MODELS = (MarketSummary, PeerGroup, PeerPrices)
