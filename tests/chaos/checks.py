"""Checks after a round: every accepted import is compared with its file, row by row, and nothing
else exists."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from http.client import HTTPException
from typing import Any

from glyphd.errors import UploadsUnavailable
from tests.chaos.archive_checks import archive_faults
from tests.chaos.clients import Sent
from tests.chaos.clusters import Cluster, Unexpected, WaitedInVain, environment_of, until
from tests.chaos.files import ROW_FIELDS, GivenFile, Row
from tests.chaos.keeping import outside_environment
from tests.chaos.orphans import let_settle, look_at_once
from tests.chaos.tallies import Findings, Tally
from tests.chaos.watch_checks import compare_watches

_LEFT_BEHIND = "its upload is kept, but it is not in the registry"
FORGOTTEN = "answers that a failover forgot, whose request became another import"
FINAL = ("succeeded", "failed", "cancelled")


def settle(cluster: Cluster) -> list[dict[str, Any]]:
    """All imports of the archive, once they have ended. Raises WaitedInVain."""
    (imports,) = until(lambda: _settled(cluster))
    return list(imports)


def _settled(cluster: Cluster) -> tuple[list[dict[str, Any]]] | None:
    """All imports if they have all ended, otherwise None. An API that is stopping may answer one
    request and not the next."""
    try:
        # One request for the whole list: a job may be requeued between two requests.
        imports = cluster.walk("/api/imports?limit=1000")
    except (OSError, HTTPException):
        return None
    return (imports,) if all(one["status"] in FINAL for one in imports) else None


class Checker:
    """Knows all files that were sent to one archive, and checks each import once."""

    def __init__(self, cluster: Cluster, tally: Tally, *, may_forget: bool = False) -> None:
        self._cluster = cluster
        self._may_forget = may_forget
        self.tally = tally
        self._files: dict[str, GivenFile] = {}
        self._seen: set[str] = set()

    def check(self, files: Sequence[GivenFile], sent: Sequence[Sent]) -> Findings:
        """What is wrong after a round with these files and answers."""
        self._files |= {file.filename: file for file in files}
        found = Findings()
        try:
            imports = settle(self._cluster)
        except WaitedInVain:
            return Findings(lost=[f"an import never ended: {self._cluster.statuses()}"])
        self._compare_keys(imports, sent, found)
        for status in imports:
            if status["import_id"] not in self._seen:
                self._seen.add(status["import_id"])
                try:
                    self._compare_import(status, found)
                except Unexpected as answer:
                    found.wrong.append(str(answer))
        expected = {status["import_id"]: self._files[status["filename"]] for status in imports}
        found.add(archive_faults(self._cluster, expected))
        self._compare_events(imports, found)
        found.add(compare_watches(self._cluster, self.tally))
        found.wrong += self._drift()
        return found

    def _compare_events(self, imports: list[dict[str, Any]], found: Findings) -> None:
        """Each import has exactly one event that says it has ended."""
        said = Counter(
            event["data"]["import_id"]
            for event in self._cluster.walk("/api/events?kind=import.finished&limit=1000")
        )
        for status in imports:
            count = said.pop(status["import_id"], 0)
            faults = found.doubled if count > 1 else found.lost
            if count != 1:
                faults.append(f"{status['filename']}: {count} events say that it has ended")
        found.wrong += [f"an event names the unknown import {import_id}" for import_id in said]

    def _compare_keys(
        self, imports: list[dict[str, Any]], sent: Sequence[Sent], found: Findings
    ) -> None:
        """Each key has exactly one import, and every answer named that import."""
        named = Counter(status["filename"] for status in imports)
        found.lost += [f"{name} has no import" for name in self._files.keys() - named.keys()]
        found.doubled += [
            f"{name} has {count} imports" for name, count in named.items() if count > 1
        ]
        found.wrong += [f"{name} was never sent" for name in named.keys() - self._files.keys()]
        ids = {status["import_id"]: status["filename"] for status in imports}
        for one in sent:
            if self._may_forget and one.import_id not in ids and not self._is_kept(one.import_id):
                self.tally.count(FORGOTTEN)
            elif ids.get(one.import_id) != one.file.filename:
                found.wrong.append(f"{one.file.filename} was answered with import {one.import_id}")

    def _is_kept(self, import_id: str) -> bool:
        """Whether the upload is kept. If a failover lost the first request, the repeated one became
        another import, and the first upload is removed."""
        try:
            return self._cluster.uploads.size(f"{import_id}.json") > 0
        except FileNotFoundError:
            return False

    def _compare_import(self, status: dict[str, Any], found: Findings) -> None:
        file, import_id = self._files[status["filename"]], status["import_id"]
        job = self._cluster.job(import_id)
        self.tally.count("attempts lost with their worker", job.lost_count)
        self.tally.most("most attempts of one import", status["attempt"])
        outcome = (status["status"], (status["error"] or {}).get("code"), status["record_count"])
        wanted = (
            ("succeeded", None, len(file.rows)) if file.succeeds else ("failed", "invalid_rows", 0)
        )
        if outcome != wanted:
            faults = (
                found.wrong
                if status["status"] == "succeeded"
                else found.failed if file.succeeds else found.lost
            )
            faults.append(f"{file.filename} ended as {outcome}, not {wanted}: {status['error']}")
            return
        self.tally.count(
            "imports succeeded" if file.succeeds else "imports failed for rows in their file"
        )
        self._compare_rows(file, import_id, found)
        self._compare_errors(file, status, found)
        self._compare_upload(file, status, found)

    def _compare_rows(self, file: GivenFile, import_id: str, found: Findings) -> None:
        listed = self._cluster.get(
            f"/api/listings?import_id={import_id}&fields={','.join(ROW_FIELDS)}"
        )
        rows: list[Row] = [tuple(row[name] for name in ROW_FIELDS) for row in listed]
        self.tally.count("rows in the archives, each compared", len(rows))
        if rows == list(file.written_rows):
            return
        missing, more = len(set(file.written_rows) - set(rows)), len(rows) - len(set(rows))
        faults = found.doubled if more else found.lost if missing else found.wrong
        faults.append(
            f"{file.filename}: {missing} rows missing, {more} twice, of {len(file.written_rows)}"
        )

    def _compare_errors(self, file: GivenFile, status: dict[str, Any], found: Findings) -> None:
        errors = self._cluster.get(status["links"]["errors"])
        told = [(error["row"], error["line"]) for error in errors]
        if told != list(file.bad_rows) or status["error_count"] != len(file.bad_rows):
            found.wrong.append(
                f"{file.filename}: {len(told)} row errors told, {len(file.bad_rows)} rows are bad"
            )

    def _compare_upload(self, file: GivenFile, status: dict[str, Any], found: Findings) -> None:
        kept = self._cluster.request("GET", status["links"]["file"])
        if kept.body != file.body or status["sha256"] != sha256(kept.body).hexdigest():
            found.wrong.append(f"{file.filename}: the kept upload is not what was sent")
        if until(lambda: self._manifest(status["import_id"]))["sha256"] != status["sha256"]:
            found.wrong.append(f"{file.filename}: the manifest names another SHA-256")

    def _manifest(self, import_id: str) -> dict[str, Any] | None:
        """The manifest, or None while the bucket, which may just have been killed, does not
        answer."""
        with (
            suppress(UploadsUnavailable),
            self._cluster.uploads.open(f"{import_id}.json") as opened,
        ):
            manifest: dict[str, Any] = json.load(opened)
            return manifest
        return None

    def _drift(self) -> list[str]:
        """What `glyphd check` reports. A request without an answer may have left its upload behind;
        a worker that starts removes it once it is a minute old."""
        said = self._check()
        if _LEFT_BEHIND in said:
            let_settle(self._cluster)
            look_at_once(self._cluster)
            with suppress(WaitedInVain):
                until(lambda: _LEFT_BEHIND not in self._check())
            said = self._check()
        return [f"glyphd check: {said}"] if said else []

    def _check(self) -> str:
        command = [sys.executable, "-m", "glyphd", "check"]
        environment = outside_environment() | environment_of(self._cluster.settings)
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        return "" if run.returncode == 0 else f"{run.stdout}{run.stderr}"
