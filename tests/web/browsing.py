"""A minimal browser without JavaScript: it requests HTML and follows links."""

from dataclasses import dataclass
from typing import Any

from webtest import TestResponse

from tests.service import Service

ACCEPT = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@dataclass(frozen=True)
class Browser:
    service: Service

    def get(self, path: str, status: int | None = None, **headers: str) -> TestResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.service.http.get(path, headers={"Accept": ACCEPT, **named}, status=status)

    def page(self, path: str) -> Any:
        """The page, parsed by Beautiful Soup."""
        return self.get(path, 200).html

    def rows(self, path: str) -> list[list[str]]:
        """The cells of the first table's body."""
        table = self.page(path).find("table")
        return [
            [" ".join(cell.get_text(" ").split()) for cell in row.find_all(["th", "td"])]
            for row in table.find("tbody").find_all("tr")
        ]
