"""The address of a page is its state: the page's own address, and links that keep the selected
moment."""

from dataclasses import dataclass
from urllib.parse import quote, urlencode

from glyphd.contracts.parameter_reading import read_parameters
from glyphd.contracts.queries import MomentQuery
from glyphd.request_errors import InvalidRequest

Pairs = list[tuple[str, str]]


def address(path: str, pairs: Pairs) -> str:
    """An already quoted path, with a query."""
    return f"{path}?{urlencode(pairs)}" if pairs else path


@dataclass(frozen=True)
class Address:
    """The current address. `pairs` are the query's names and values without empty ones; `origin` is
    the service's scheme, host and port as the reader uses them, and `prefix` precedes each of its
    paths."""

    path: str
    pairs: Pairs
    origin: str = ""
    prefix: str = ""

    def own(self, path: str) -> str:
        """The address of a quoted path of this service."""
        return self.prefix + path

    @property
    def bare(self) -> str:
        """The path alone, quoted and without the prefix."""
        return quote(self.path)

    @property
    def as_of(self) -> str | None:
        return self.value("as_of")

    @property
    def moment(self) -> str | None:
        """The moment that this page shows, as stored time text; None for the present, and for an
        invalid time."""
        try:
            return read_parameters(MomentQuery, [("as_of", self.as_of)] if self.as_of else []).as_of
        except InvalidRequest:
            return None

    def value(self, name: str) -> str | None:
        return next((value for given, value in self.pairs if given == name), None)

    def values(self, name: str) -> list[str]:
        return [value for given, value in self.pairs if given == name]

    def without(self, *names: str) -> Pairs:
        """The query without some of its parameters."""
        return [(name, value) for name, value in self.pairs if name not in names]

    def here(self, **changed: str | None) -> str:
        """This page with other parameters; None removes one. It starts at its first page again."""
        given = [(name, value) for name, value in changed.items() if value is not None]
        pairs = [*self.without("cursor", *changed), *given]
        return address(self.own(self.bare), pairs)

    def to(self, path: str, /, **parameters: str) -> str:
        """Another page at the same moment. The path must be quoted already."""
        moment = [("as_of", self.as_of)] if self.as_of is not None else []
        return address(self.own(path), [*parameters.items(), *moment])

    def to_model(self, model: str) -> str:
        return self.to(f"/models/{quote(model, safe='')}")

    def to_listing(self, listing_id: str) -> str:
        return self.to(f"/listings/{listing_id}")

    def data(self, path: str, *left_out: str, **parameters: str) -> str:
        """The address of this page's data in the API: the same query, without parameters that only
        the page has."""
        kept = self.without("cursor", "limit", *left_out, *parameters)
        return address(self.own(path), [*kept, *parameters.items()])
