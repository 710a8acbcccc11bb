"""The report of a file with row errors, saved beside the user's files."""

from dataclasses import replace
from pathlib import Path

from glyphd_client.client import Client
from glyphd_client.errors import ClientError
from glyphd_client.outcomes import Outcome


def with_report(
    client: Client, outcome: Outcome, path: Path | None, is_one_of_several: bool
) -> Outcome:
    """Saves the report if there are row errors: as `path`, or in it if that is a folder."""
    status = outcome.status
    if path is None or status is None or status.error_count == 0:
        return outcome
    if is_one_of_several or path.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        path = path / f"{Path(outcome.name).stem}.{status.import_id[:8]}.report.csv"
    try:
        return replace(outcome, report=client.report(status.import_id, path))
    except ClientError as error:
        return replace(outcome, error=outcome.error or error)
