"""Style sheet, scripts, icon and samples, served under addresses that contain a digest."""

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from bottle import HTTPError, HTTPResponse

from glyphd.api.answers import answer_bytes
from glyphd.api.needs import OPEN
from glyphd.api.routes import Route

FOR_EVER = "public, max-age=31536000, immutable"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".csv": "text/csv; charset=utf-8",
}
_PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True)
class Asset:
    """One file as it is sent."""

    name: str
    body: bytes

    @property
    def content_type(self) -> str:
        return _TYPES[Path(self.name).suffix]


class Assets:
    """All files under one prefix, which changes with any of them, because scripts import each other
    by relative names."""

    def __init__(self) -> None:
        folders = (Path(__file__).parent / "static", samples_folder())
        files = sorted(
            file for folder in folders for file in folder.iterdir() if file.suffix in _TYPES
        )
        self._assets = {file.name: Asset(file.name, file.read_bytes()) for file in files}

    @cached_property
    def version(self) -> str:
        """A digest of names and contents."""
        digest = sha256()
        for name, asset in self._assets.items():
            digest.update(f"{name}:{len(asset.body)}:".encode() + asset.body)
        return digest.hexdigest()[:16]

    def path(self, name: str) -> str:
        """The address of a file. Raises KeyError if it does not exist."""
        return f"/static/{self.version}/{self._assets[name].name}"

    def routes(self) -> list[Route]:
        return [Route("GET", "/static/<version>/<name>", self.send, OPEN)]

    def send(self, version: str, name: str) -> HTTPResponse:
        asset = self._assets.get(name)
        if asset is None or version != self.version:
            raise HTTPError(404)
        headers = {"Cache_Control": FOR_EVER}
        if name.endswith(".csv"):
            headers["Content_Disposition"] = f'attachment; filename="{name}"'
        return answer_bytes(asset.body, asset.content_type, **headers)


def samples_folder() -> Path:
    """`sample` inside the installed package, or else in the checkout."""
    inside = _PACKAGE / "sample"
    return inside if inside.is_dir() else _PACKAGE.parent / "sample"
