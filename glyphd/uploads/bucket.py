"""Uploads in a bucket: received in a local folder, then sent."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, cast

from glyphd.errors import UploadsUnavailable
from glyphd.private_files import make_folder
from glyphd.uploads.bucket_client import BucketClient
from glyphd.uploads.bucket_files import Draft, KeptObject
from glyphd.uploads.local import LocalReceiving, LocalUploads, no_room_named, require_plain

MARKER = "ledger.json"
"""The object with the id of the archive that the uploads belong to."""

CLOCK = "clock"
"""The object that is stored to learn the bucket's time."""

_OWN_OBJECTS = frozenset({MARKER, CLOCK})


class BucketUploads:
    """The objects under one URL. `folder` has the uploads that this machine is receiving.

    A pickle of it, for another process, has only the URL: the credentials stay in the environment.
    Every method raises UploadsUnavailable if the bucket does not answer or refuses.
    """

    has_local_files = False

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return BucketUploads, (self.url, self.folder)

    @contextmanager
    def receive(self) -> Iterator["BucketReceiving"]:
        with no_room_named():
            make_folder(self.folder)
        receiving = BucketReceiving(self.folder, self._client)
        try:
            yield receiving
        finally:
            receiving.close()

    def put(self, name: str, data: bytes) -> None:
        require_plain(name)
        self._client.put(name, data)

    def create(self, name: str) -> BinaryIO:
        require_plain(name)
        make_folder(self.folder)
        return cast(BinaryIO, Draft(self.folder, name))

    def settle(self, file: BinaryIO) -> None:
        assert isinstance(file, Draft)
        with file:
            size = file.seek(0, io.SEEK_END)
            file.seek(0)
            self._client.send(file.object_name, file, size)

    def open(self, name: str) -> BinaryIO:
        require_plain(name)
        return cast(BinaryIO, io.BufferedReader(KeptObject(self._client, name)))

    def size(self, name: str) -> int:
        require_plain(name)
        return self._client.size(name)

    def names(self) -> list[str]:
        return [name for name in self._client.names() if name not in _OWN_OBJECTS]

    def age(self, name: str) -> float:
        """By the bucket's own clock: this machine's clock may be off by more than the ages that
        matter."""
        require_plain(name)
        try:
            written_at = self._client.written_at(name)
            self._client.put(CLOCK, b"")
            return max(0.0, (self._client.written_at(CLOCK) - written_at).total_seconds())
        except FileNotFoundError:
            return 0.0

    def delete(self, name: str) -> None:
        require_plain(name)
        self._client.delete(name)

    def forget_unfinished(self, older_than_seconds: float) -> int:
        """Removes those of this machine."""
        return LocalUploads(self.folder).forget_unfinished(older_than_seconds)

    def check_writable(self) -> None:
        """Reads the marker, and gives up within seconds."""
        with self.receive() as receiving:
            receiving.write(b"\n")
        if _marked_id(self._quick_client) is None:
            raise UploadsUnavailable("the bucket for uploads is no longer this archive's")

    def marked_id(self) -> str | None:
        """The id of the archive that these uploads belong to; None if there is no marker."""
        return _marked_id(self._client)

    def mark(self, archive_id: str) -> str | None:
        """Marks these uploads as this archive's unless they already belong to one; returns the id
        that is now in the marker.

        If several processes do so at the same time, one of them succeeds.
        """
        self._client.put_new(MARKER, json.dumps({"archive_id": archive_id}).encode())
        return self.marked_id()

    @cached_property
    def _client(self) -> BucketClient:
        return BucketClient(self.url)

    @cached_property
    def _quick_client(self) -> BucketClient:
        return BucketClient(self.url, is_quick=True)


class BucketReceiving(LocalReceiving):
    """A local `.part` file, which is removed when the upload is kept."""

    def __init__(self, folder: Path, client: BucketClient) -> None:
        super().__init__(folder)
        self._client = client

    def keep(self, name: str) -> None:
        require_plain(name)
        self._client.send(name, self.path, self.size)

    def _sync_early(self) -> None:
        """Does nothing: the bucket makes it durable."""


def _marked_id(client: BucketClient) -> str | None:
    try:
        said = json.loads(client.read_all(MARKER))
        return str(said["archive_id"])
    except (FileNotFoundError, ValueError, LookupError, TypeError):
        return None
