"""A migration fills the tables of gone and returned offers from the existing events."""

from peewee import Database

from glyphd.db.absence_models import ABSENCE_MODELS
from glyphd.db.connections import close_all, open_archive
from glyphd.db.migrations import migrate
from glyphd.settings import Settings
from glyphd.upkeep.archive_checks import ARCHIVE_CHECKS
from tests.history.ledgers import Ledger
from tests.history.test_offers import row

DAY = 24 * 60


def _live(database: Database) -> None:
    """Offers of two sources go and come back, in and out of order, and one file is rolled back."""
    ledger = Ledger(database)
    first, second = row(10, DAY), row(20, DAY, seller="other")
    ledger.take("feed", first, second, received=0)
    ledger.take("feed", row(10, 2 * DAY), received=0)
    ledger.take("rival", row(5, 3 * DAY, seller="rival", url=None))
    ledger.take("feed", row(11, 4 * DAY), row(21, 4 * DAY, seller="other"), received=0)
    ledger.take("feed", received=6 * DAY)
    ledger.take("feed", row(12, 5 * DAY, seller="late"))
    ledger.take("rival", received=7 * DAY)
    ledger.take("feed", row(13, 8 * DAY), received=0)
    ledger.turn(4)
    ledger.take("feed", row(22, 9 * DAY, seller="other"))


def test_it_gives_what_imports_have_derived(empty_database_settings: Settings) -> None:
    settings = empty_database_settings
    migrate(settings)
    archive = open_archive(settings, read_only=False)
    with archive.connection_context():
        _live(archive)
        derived = [set(archive.execute(model.select().tuples())) for model in ABSENCE_MODELS]
    close_all(archive)
    assert all(derived)
    migrate(settings, "archive:7")
    migrate(settings)
    archive = open_archive(settings, read_only=False)
    with archive.connection_context():
        filled = [set(archive.execute(model.select().tuples())) for model in ABSENCE_MODELS]
        assert [line for check in ARCHIVE_CHECKS for line in check(archive)] == []
    close_all(archive)
    assert filled == derived
