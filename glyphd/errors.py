"""Every failure glyphd names: one base class, one stable code each. Nothing here knows HTTP."""

from typing import Any


class Answered(Exception):
    """Raised to end a request with its answer: nothing went wrong, no statement is under way."""


class GlyphdError(Exception):
    """A failure with a stable machine `code`, a human `detail` and members worth showing beside it.

    `reason` is what lies behind it, for the log and the terminal: it may name hosts, roles and
    paths or quote a library, and no client reads it.
    """

    code = "internal_error"
    title = "Something went wrong inside glyphd"

    def __init__(self, detail: str, *, reason: str | None = None, **members: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.reason = reason
        self.members = members


class InvalidSettings(GlyphdError):
    code = "invalid_settings"
    title = "A setting is wrong"


class SchemaError(GlyphdError):
    """The database's schema is not the one this version of glyphd works with."""

    code = "schema_mismatch"
    title = "The database schema is not the one of this version"


class SchemaOutdated(SchemaError):
    code = "schema_outdated"
    title = "The database schema is older than this version"


class ArchiveMismatch(SchemaError):
    """Archive and registry do not belong together, or the archive is gone."""

    code = "archive_mismatch"
    title = "Archive and registry do not belong together"


class RegistryLost(SchemaError):
    """Uploads are kept, and there is no registry that knows them."""

    code = "registry_lost"
    title = "The registry of the kept uploads is gone"


class NoLedger(SchemaError):
    """A command was run where there is no archive, or one without its registry."""

    code = "no_ledger"
    title = "There is no archive here"


class DataWouldBeLost(SchemaError):
    code = "data_would_be_lost"
    title = "This step would drop data"


class NotFound(GlyphdError):
    code = "not_found"
    title = "Not found"


class ImportNotFound(NotFound):
    code = "import_not_found"
    title = "No such import"


class ModelNotFound(NotFound):
    """No current listing is of this model."""

    code = "model_not_found"
    title = "No such model"


class ListingNotFound(NotFound):
    code = "listing_not_found"
    title = "No such listing"


class ListingNotCurrent(NotFound):
    """The archive knows the listing, but all its events are rolled back."""

    code = "listing_not_current"
    title = "The listing has no current row"


class ListingNotInImport(NotFound):
    """The archive knows the listing, but this import brought no event of it."""

    code = "listing_not_in_import"
    title = "The import brought no such listing"


class SourceNotKept(NotFound):
    """The event was written through the library: there never was a file."""

    code = "source_not_kept"
    title = "The row came from no file"


class SourceMissing(GlyphdError):
    """A file that was kept for ever is gone."""

    code = "source_missing"
    title = "The kept file is missing"


class SourceMismatch(GlyphdError):
    """What the kept file says is not what the archive holds of it."""

    code = "source_mismatch"
    title = "The kept file and the archive differ"


class Conflict(GlyphdError):
    code = "conflict"
    title = "This contradicts what is already there"


class IdempotencyConflict(Conflict):
    """The key stands for another request."""

    code = "idempotency_key_reused"
    title = "The Idempotency-Key belongs to another request"


class ImportFinal(Conflict):
    """The import has ended: it can't be cancelled any more."""

    code = "import_final"
    title = "The import has ended"


class ImportNotRetryable(Conflict):
    """Only a failed or cancelled import, or a dry run that succeeded, can be run again."""

    code = "import_not_retryable"
    title = "The import can't be retried"


class ImportNotSucceeded(Conflict):
    """The import brought no rows: it failed, was cancelled, was a dry run, or has not ended."""

    code = "import_not_succeeded"
    title = "The import has not succeeded"


class NothingToChange(Conflict):
    """The import is rolled back already, or was not."""

    code = "nothing_to_change"
    title = "The import is already in that state"


class ChangePending(Conflict):
    """The opposite change of the import is under way."""

    code = "change_pending"
    title = "Another change of the import is in progress"


class ImportConflict(Conflict):
    """The import id is taken by a batch with other rows."""

    code = "import_conflict"
    title = "The import id is taken"


class CannotRebuild(Conflict):
    """The archive can't be rebuilt from what is kept."""

    code = "cannot_rebuild"
    title = "The archive can't be rebuilt"


class CannotBackUp(Conflict):
    """There is no place for the copy, or something that belongs in it is missing."""

    code = "cannot_back_up"
    title = "The backup can't be made"


class Refused(GlyphdError):
    """Understood, but the content can't be taken."""

    code = "refused"
    title = "The content can't be accepted"


class FileRefused(Refused):
    """The check at the door: the first block shows that the file can never be imported."""

    code = "file_refused"
    title = "The file can't be imported"


class RowsRefused(Refused):
    code = "invalid_rows"
    title = "Some rows are not valid"


class UnreadableFile(Refused):
    """The file's structure is broken from `line` on, so its rows can't be separated."""

    code = "unreadable_file"
    title = "The file can't be read"


class ImportTooLarge(GlyphdError):
    """The import has no room: even if nothing but glyphd's own files were on the disk, or try after
    try."""

    code = "too_large_for_disk"
    title = "The import does not fit on the disk"


class Unavailable(GlyphdError):
    code = "unavailable"
    title = "The service can't do this at the moment"


class TooManyImports(Unavailable):
    code = "too_many_imports"
    title = "Too many imports are waiting"


class TooManyUploads(Unavailable):
    code = "too_many_uploads"
    title = "Too many uploads are in progress"


class ClientLeft(Unavailable):
    """The client closed its connection while its answer was being made."""

    code = "client_left"
    title = "The client left before its answer was made"


class NotReady(Unavailable):
    code = "not_ready"
    title = "The service is not ready"


class DatabaseDamaged(Unavailable):
    """What a database holds can't be read: a page or a value in it was overwritten, or the disk
    lost it."""

    code = "database_damaged"
    title = "A database is damaged"


class StorageFull(Unavailable):
    code = "storage_full"
    title = "The disk is full"
