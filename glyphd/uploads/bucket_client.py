"""One bucket through obstore: with time-outs, constant memory, and glyphd's errors.

It needs the extra `object-storage`, so nothing imports this module unless there is a bucket.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    NotFoundError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import from_url

from glyphd.errors import InvalidSettings, UploadsUnavailable

if TYPE_CHECKING:  # they exist only for type checkers
    from obstore.store import ClientConfig, RetryConfig

PART_BYTES = 8 << 20
MOST_PARTS = 9000
"""S3 allows 10 000 parts; the difference allows for a file that is larger than announced."""

PARALLEL_PARTS = 2
"""The size of a part, which is in memory while it is sent."""

# The operator chooses in the cloud's variables whether the endpoint is https://. These options
# would come from there too, but if any option is given here, all must be.
_ANY_SCHEME = True
PATIENT_CLIENT: "ClientConfig" = {
    "connect_timeout": "5s",
    "timeout": "30s",
    "allow_http": _ANY_SCHEME,
}
PATIENT_RETRIES: "RetryConfig" = {"max_retries": 3, "retry_timeout": timedelta(seconds=60)}
QUICK_CLIENT: "ClientConfig" = {
    "connect_timeout": "2s",
    "timeout": "3s",
    "allow_http": _ANY_SCHEME,
}
QUICK_RETRIES: "RetryConfig" = {"max_retries": 0, "retry_timeout": timedelta(seconds=3)}
"""For the check whether the bucket answers, which must not take long."""

_REFUSALS = ("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "Forbidden")
_LONGEST_REASON = 300


def part_bytes(size: int) -> int:
    """Bytes of each part of an object of this size, so that there are at most MOST_PARTS."""
    return max(PART_BYTES, -(-size // MOST_PARTS))


class BucketClient:
    """The objects of a bucket under its URL's prefix, by plain names; opened at the first use.

    Every method raises UploadsUnavailable if the bucket does not answer or refuses, and
    InvalidSettings if the cloud's variables can't be used.
    """

    def __init__(self, url: str, *, is_quick: bool = False) -> None:
        self._url = url
        self._client = QUICK_CLIENT if is_quick else PATIENT_CLIENT
        self._retries = QUICK_RETRIES if is_quick else PATIENT_RETRIES

    def put(self, name: str, data: bytes) -> None:
        """Stores a small object; replaces one of the same name."""
        with named_troubles():
            obstore.put(self._store, name, data, use_multipart=False)

    def put_new(self, name: str, data: bytes) -> bool:
        """Stores a small object unless there is one of this name; returns whether it did."""
        try:
            with named_troubles():
                obstore.put(self._store, name, data, mode="create")
        except FileExistsError:
            return False
        return True

    def send(self, name: str, file: Path | BinaryIO, size: int) -> None:
        """Stores a file of this size, a part at a time."""
        with named_troubles():
            obstore.put(
                self._store,
                name,
                file,
                use_multipart=size > PART_BYTES,
                chunk_size=part_bytes(size),
                max_concurrency=PARALLEL_PARTS,
            )

    def size(self, name: str) -> int:
        """Raises FileNotFoundError."""
        return int(self._head(name)["size"])

    def written_at(self, name: str) -> datetime:
        """When it was stored, by the bucket's clock. Raises FileNotFoundError."""
        found: datetime = self._head(name)["last_modified"]
        return found

    def read(self, name: str, start: int, length: int) -> memoryview:
        """Bytes of an object. Raises FileNotFoundError."""
        with named_troubles():
            return memoryview(obstore.get_range(self._store, name, start=start, length=length))

    def read_all(self, name: str) -> bytes:
        """A small object. Raises FileNotFoundError."""
        with named_troubles():
            return bytes(obstore.get(self._store, name).bytes())

    def names(self) -> Iterator[str]:
        """The names of all objects with plain names, in no particular order."""
        with named_troubles():
            for page in obstore.list(self._store, chunk_size=1000):
                yield from (one["path"] for one in page if "/" not in one["path"])

    def delete(self, name: str) -> None:
        """Removes an object; no error if it does not exist."""
        try:
            with named_troubles():
                obstore.delete(self._store, name)
        except FileNotFoundError:
            return

    def _head(self, name: str) -> Any:
        with named_troubles():
            return obstore.head(self._store, name)

    @cached_property
    def _store(self) -> Any:
        try:
            return from_url(self._url, client_options=self._client, retry_config=self._retries)
        except BaseError as error:
            raise InvalidSettings(
                f"GLYPHD_UPLOAD_URL={self._url}: the bucket's client can't be set up from the "
                f"environment: {reason_of(error)}"
            ) from None


@contextmanager
def named_troubles() -> Iterator[None]:
    """obstore's errors as glyphd's. They have no cause: its text may quote a key's name."""
    try:
        yield
    except (FileNotFoundError, NotFoundError) as error:
        if "NoSuchBucket" in str(error):
            raise UploadsUnavailable("there is no such bucket", reason=reason_of(error)) from None
        raise FileNotFoundError("there is no such object in the bucket") from None
    except (AlreadyExistsError, PreconditionError):
        raise FileExistsError("there is such an object in the bucket") from None
    except BaseError as error:
        raise UploadsUnavailable(_detail_of(error), reason=reason_of(error)) from None


def _detail_of(error: BaseError) -> str:
    """The text for clients, without a host, a key or the name of a bucket."""
    is_refusal = isinstance(error, PermissionDeniedError | UnauthenticatedError)
    if is_refusal or any(word in str(error) for word in _REFUSALS):
        return "the bucket for uploads refuses access: check its credentials and their rights"
    if "NoSuchBucket" in str(error):
        return "there is no such bucket"
    return "the bucket for uploads does not answer as it should"


def reason_of(error: Exception) -> str:
    """The beginning of an error's text, for the log: without the server's answer, which may quote a
    key's id, and without the query of a URL, which may have a signature."""
    text = re.split(r"[<\n]|Debug source", str(error))[0]
    return re.sub(r"\?\S*", "?…", " ".join(text.split()))[:_LONGEST_REASON]
