"""The listings that match: row by row, page by page, or all of them as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from glyphd_client.columns import ALL_COLUMNS, Kind, Listing, column_kinds, read_listing
from glyphd_client.downloads import save_whole
from glyphd_client.pages import pages_of
from glyphd_client.transport import Pairs, Request, Transport

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

PATH = "/api/listings"
PAGE_ROWS = 1000


class Listings:
    """What a query matches. Nothing is asked before it is iterated or made a table.

    Iterating reads the live list page by page, so imports that end meanwhile may show up. A table
    is one snapshot.
    """

    def __init__(
        self,
        transport: Transport,
        query: Pairs,
        *,
        page_rows: int = PAGE_ROWS,
        columns: Sequence[str] = (),
    ) -> None:
        self._transport = transport
        self._query = list(query)
        self._page_rows = page_rows
        self._columns = columns

    def with_computed(self) -> Listings:
        """The same rows with the columns that the service computes for each answer, such as
        `price_percentile` and `lowest_price`; without this they are None."""
        return Listings(
            self._transport, self._query, page_rows=self._page_rows, columns=ALL_COLUMNS
        )

    def __iter__(self) -> Iterator[Listing]:
        for page in self.pages():
            yield from page

    def pages(self) -> Iterator[list[Listing]]:
        """The rows in pages, as they come."""
        for page in self._json_pages(()):
            yield [read_listing(row) for row in page]

    def rows(self, fields: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
        """The rows as the service sends them, with all columns or only these, which may be computed
        ones."""
        for page in self._json_pages(fields):
            yield from page

    def count(self) -> int:
        """How many rows match."""
        asked = [*self._query, ("limit", "1"), ("count", "exact")]
        answer = self._transport.send(Request("GET", PATH, asked))
        return int(answer.headers["X-Total-Count"])

    def to_pandas(self, fields: Sequence[str] = ()) -> pandas.DataFrame:
        """All rows as a pandas DataFrame. Needs `glyphd-client[pandas]`.

        Integers and booleans are nullable, times are `datetime64[us, UTC]`, JSON columns are text.
        """
        from glyphd_client.frames import pandas_frame

        with TemporaryDirectory(prefix="glyphd-") as folder:
            return pandas_frame(*self._table(fields, Path(folder)))

    def to_polars(self, fields: Sequence[str] = ()) -> polars.DataFrame:
        """All rows as a polars DataFrame. Needs `glyphd-client[polars]`. JSON columns are text."""
        from glyphd_client.frames import polars_frame

        with TemporaryDirectory(prefix="glyphd-") as folder:
            return polars_frame(*self._table(fields, Path(folder)))

    def to_arrow(self, fields: Sequence[str] = ()) -> pyarrow.Table:
        """All rows as an Arrow table. Needs `glyphd-client[arrow]`. JSON columns are text."""
        from glyphd_client.frames import arrow_table

        with TemporaryDirectory(prefix="glyphd-") as folder:
            return arrow_table(*self._table(fields, Path(folder)))

    def _json_pages(self, fields: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
        asked = [*self._query, *self._fields(fields), ("limit", str(self._page_rows))]
        return pages_of(self._transport, PATH, asked)

    def _table(self, fields: Sequence[str], folder: Path) -> tuple[Path, dict[str, Kind]]:
        """The whole result as CSV, which every reader takes, and what its columns hold."""
        schema = self._transport.send(Request("GET", "/api/schema")).json
        asked = [*self._query, *self._fields(fields), ("format", "csv")]
        file = folder / "listings.csv"
        save_whole(self._transport, Request("GET", PATH, asked), file)
        return file, column_kinds(schema)

    def _fields(self, names: Sequence[str]) -> list[tuple[str, str]]:
        wanted = names or self._columns
        return [("fields", ",".join(wanted))] if wanted else []
