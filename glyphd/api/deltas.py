"""`/api/deltas` and `/api/listings/{listing_id}/history`: how listings changed from one observation to the next."""

from bottle import HTTPResponse

from glyphd.api.answers import answer_rows, fresh, make_etag, next_link, not_modified, output_format
from glyphd.api.kept_pages import KeptPages
from glyphd.api.listings import listing_key
from glyphd.api.parameters import query, query_pairs, require_limit
from glyphd.api.routes import Route
from glyphd.contracts.queries import DeltaQuery, MomentQuery, OutputQuery
from glyphd.errors import ListingNotFound
from glyphd.history.delta_pages import Deltas
from glyphd.history.observations import OBSERVATION_COLUMNS, observations
from glyphd.listings.search import archive_version, is_known
from glyphd.services import Services


class DeltasApi:
    def __init__(self, services: Services) -> None:
        self._scratch = services.scratch
        self._archive = services.archive
        self._pages = KeptPages()

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/api/deltas", self.list),
            Route("GET", "/api/forecast/deltas", self.list),
            Route("GET", "/api/listings/<listing_id>/history", self.history),
        ]

    def list(self) -> HTTPResponse:
        """A page with `limit`, else all changes as one snapshot."""
        asked = query(DeltaQuery)
        require_limit(asked.limit, asked.cursor)
        with self._archive.connection_context():
            etag = self._etag(asked)
            return not_modified(etag) or self._pages.find(etag) or self._found(asked, etag)

    def history(self, listing_id: str) -> HTTPResponse:
        """All events of one listing, oldest first."""
        asked, key = query(MomentQuery), listing_key(listing_id)
        with self._archive.connection_context():
            if not is_known(self._archive, key):
                raise ListingNotFound(f"there is no listing {listing_id}", listing_id=listing_id)
            etag = self._etag(asked, listing_id)
            rows = observations(self._archive, key, asked.as_of)
            answer = not_modified(etag)
            return answer or answer_rows(asked, OBSERVATION_COLUMNS, rows, self._scratch, **fresh(etag))

    def _found(self, asked: DeltaQuery, etag: str) -> HTTPResponse:
        deltas, headers = Deltas(self._archive, asked), fresh(etag)
        if asked.limit is None:
            return answer_rows(asked, deltas.columns, deltas.everything(), self._scratch, **headers)
        page = deltas.page(asked.limit)
        headers |= next_link(page.next_cursor)
        return self._pages.keep(etag, answer_rows(asked, page.columns, page.rows, self._scratch, **headers))

    def _etag(self, asked: OutputQuery, *parts: str) -> str:
        return make_etag(archive_version(self._archive), query_pairs(), output_format(asked), *parts)
