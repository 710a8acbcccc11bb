"""The WSGI application for any server."""

from collections.abc import Iterable
from functools import cache
from typing import Any

from bottle import Bottle

from glyphd.api.app import build_app, places_to_wait
from glyphd.api.guard import Guard
from glyphd.db.standby_reads import open_reads
from glyphd.private_files import make_folder
from glyphd.services import Services, build_services
from glyphd.settings import Settings, load_settings
from glyphd.siblings.family import Siblings
from glyphd.uploads.opening import prepare_ledger
from glyphd.web.site import Site


def create_app(settings: Settings | None = None, siblings: Siblings | None = None) -> Bottle:
    """API and pages as a WSGI application; settings come from the environment if none are given.

    A fresh folder is initialised. Raises SchemaOutdated for an older schema, naming the command
    that upgrades it, BucketMismatch for a bucket of another archive, and InvalidSettings for a
    tokens file that can't be used.
    """
    settings = settings or load_settings()
    prepare_ledger(settings)
    make_folder(settings.scratch_dir)
    return build_site(build_services(settings, open_reads(settings), siblings))


def build_site(services: Services) -> Bottle:
    """The API and the pages over these services, as one application. Raises InvalidSettings for a
    tokens file that can't be used."""
    services.tokens.start()
    waiting = places_to_wait(services)
    guard = Guard(services)
    return build_app(services, Site(services, waiting, guard), waiting, guard)


@cache
def _default_app() -> Bottle:
    return create_app()


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """`glyphd:app` for other WSGI servers: built at the first request, not at import."""
    answer: Iterable[bytes] = _default_app()(environ, start_response)
    return answer
