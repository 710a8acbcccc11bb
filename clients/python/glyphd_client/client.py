"""The service as an object: send files, follow imports, read listings."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Literal, Unpack
from urllib.parse import quote
from uuid import uuid4

from glyphd_client.addresses import DEFAULT_URL
from glyphd_client.columns import ImportFilters, ListingFilters
from glyphd_client.downloads import save_whole
from glyphd_client.errors import Refused
from glyphd_client.listings import Listings
from glyphd_client.options import ImportOptions, PushOptions, option_pairs, query_pairs
from glyphd_client.pages import pages_of
from glyphd_client.pushed import PushedImport
from glyphd_client.pushing import is_same_content, upload_request
from glyphd_client.records import read_record
from glyphd_client.retrying import Retries
from glyphd_client.statuses import ChangeEffect, ImportStatus, RowError, read_status
from glyphd_client.transport import Answer, OnRetry, Pairs, Request, Transport
from glyphd_client.uploads import UploadFile, open_upload
from glyphd_client.waiting import OnProgress, is_services_fault, require_rows, wait_until_final

RETRY_SECONDS = 60.0
FOR_TABLES = frozenset({"fields", "limit", "cursor", "format", "count", "safe"})
"""Parameters of the route that say how rows are returned, not which."""

CHANGE_SECONDS = 20
"""How long the service may hold the answer to a rollback or a restore."""


class Client:
    """One glyphd service.

    A request that fails is tried again, with pauses of up to `retry_for` seconds in total, if the
    service can't be reached, is busy (503, 429) or loses the connection. `on_retry` is called
    before each pause with the reason and its seconds.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        token: str | None = None,
        *,
        retry_for: float = RETRY_SECONDS,
        on_retry: OnRetry | None = None,
    ) -> None:
        self._transport = Transport(url, token, retries=Retries(retry_for), on_retry=on_retry)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._transport.close()

    def push(
        self, file: str | os.PathLike[str] | bytes, **options: Unpack[PushOptions]
    ) -> PushedImport:
        """Sends a CSV, or one that is packed as .gz. When it returns, the service has it safe.

        The same bytes with the same options are one import, however often and from wherever they
        are pushed; `key` changes that. If that import failed because of the service, it is run
        again. Raises FileRefused if the file can never be imported.
        """
        pushed = self._push(open_upload(file, options.get("filename")), options)
        while pushed.is_replayed and is_services_fault(pushed.status):
            # The key follows from the failed import, so that repeated pushes start one retry.
            pushed = self._retry(pushed.import_id, [], key=f"retry-{pushed.import_id}")
        return pushed

    def _push(self, upload: UploadFile, options: PushOptions) -> PushedImport:
        request = upload_request(upload, options)
        try:
            answer = self._transport.send(request)
        except Refused as error:
            if options.get("key") is None and is_same_content(error):
                return PushedImport(self, self.status(str(error.problem["import_id"])), True)
            raise
        return self._pushed(answer)

    def status(self, import_id: str) -> ImportStatus:
        """The status of an import. Raises NotFound."""
        return self._status(import_id, 0)

    def wait(
        self,
        import_id: str,
        timeout: float | None = None,
        *,
        on_progress: OnProgress | None = None,
    ) -> ImportStatus:
        """The status of an import when it has succeeded. Raises ImportFailed if it did not, and
        StillRunning after `timeout` seconds, if given."""
        return require_rows(
            wait_until_final(
                lambda held: self._status(import_id, held),
                self.status(import_id),
                timeout=timeout,
                on_progress=on_progress,
            )
        )

    def imports(self, **filters: Unpack[ImportFilters]) -> Iterator[ImportStatus]:
        """The imports, newest first."""
        for page in pages_of(self._transport, "/api/imports", query_pairs(filters)):
            yield from (read_status(status) for status in page)

    def errors(self, import_id: str) -> Iterator[RowError]:
        """The row errors of an import, in file order."""
        path = f"{_path(import_id)}/errors"
        for page in pages_of(self._transport, path, [("limit", "1000")]):
            yield from (read_record(RowError, error) for error in page)

    def report(self, import_id: str, path: str | os.PathLike[str] | None = None) -> Path:
        """Saves every row of the file with its errors in front, ready to be corrected and pushed;
        by default as `<import_id>.report.csv` in the current folder."""
        file = Path(f"{import_id}.report.csv" if path is None else path)
        save_whole(self._transport, Request("GET", f"{_path(import_id)}/report.csv"), file)
        return file

    def listings(self, **filters: Unpack[ListingFilters]) -> Listings:
        """The current market, or what else the filters ask for. Iterate it, or make it a table."""
        if misplaced := FOR_TABLES & filters.keys():
            raise TypeError(f"{sorted(misplaced)}: see pages(), rows(), count() and to_pandas()")
        return Listings(self._transport, query_pairs(filters))

    def rollback(self, import_id: str, reason: str | None = None) -> ImportStatus:
        """Takes the rows of an import out of the market, and waits until that is done. One that is
        rolled back already stays so."""
        return self._change(import_id, "rollback", reason)

    def rollback_effect(self, import_id: str) -> ChangeEffect:
        """What a rollback would change; changes nothing."""
        asked = Request("POST", f"{_path(import_id)}/rollback", [("dry_run", "true")])
        return read_record(ChangeEffect, self._transport.send(asked).json["effect"])

    def restore(self, import_id: str, reason: str | None = None) -> ImportStatus:
        """Brings the rows of an import that was rolled back into the market again, and waits until
        that is done."""
        return self._change(import_id, "restore", reason)

    def cancel(self, import_id: str) -> ImportStatus:
        """Stops an import that has not ended; its worker may need a second for that."""
        try:
            answer = self._transport.send(Request("POST", f"{_path(import_id)}/cancel"))
        except Refused as error:
            status = self.status(import_id)
            if error.code == "import_final" and status.status == "cancelled":
                return status
            raise
        return read_status(answer.json)

    def retry(self, import_id: str, **options: Unpack[ImportOptions]) -> PushedImport:
        """Runs a failed or cancelled import again from the kept file, or a dry run for real, as a
        new import; with other options if given."""
        return self._retry(import_id, option_pairs(options), key=str(uuid4()))

    def _retry(self, import_id: str, options: Pairs, *, key: str) -> PushedImport:
        headers = {"Idempotency-Key": key}
        asked = Request("POST", f"{_path(import_id)}/retry", options, headers)
        return self._pushed(self._transport.send(asked))

    def _pushed(self, answer: Answer) -> PushedImport:
        return PushedImport(self, read_status(answer.json), "Idempotent-Replayed" in answer.headers)

    def _status(self, import_id: str, held: int) -> ImportStatus:
        query = [("wait", str(held))] if held else []
        return read_status(self._transport.send(Request("GET", _path(import_id), query)).json)

    def _change(
        self, import_id: str, kind: Literal["rollback", "restore"], reason: str | None
    ) -> ImportStatus:
        """A repeated request joins a change in progress; one that comes after it finds nothing to
        change."""
        query = [] if reason is None else [("reason", reason)]
        wait = {"Prefer": f"wait={CHANGE_SECONDS}"}
        asked = Request("POST", f"{_path(import_id)}/{kind}", query, wait)
        try:
            while (answer := self._transport.send(asked)).status == 202:
                time.sleep(1)  # the service may be too busy to hold its answer
        except Refused as error:
            if error.code != "nothing_to_change":
                raise
            return self.status(import_id)
        return read_status(answer.json)


def _path(import_id: str) -> str:
    return f"/api/imports/{quote(import_id, safe='')}"
