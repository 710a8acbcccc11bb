"""All named failures: one base class, and a stable code for each. Nothing here knows HTTP."""

from typing import Any


class Answered(Exception):
    """Raised to end a request with its answer: nothing has failed, and no statement is running."""


class GlyphdError(Exception):
    """A failure with a stable machine `code`, a human `detail` and members worth showing beside it.

    `reason` is the cause, for the log and the terminal: it may name hosts, roles and paths or quote
    a library, and is never sent to a client.
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
    """The database's schema does not match this version of glyphd."""

    code = "schema_mismatch"
    title = "The database schema does not match this version"


class SchemaOutdated(SchemaError):
    code = "schema_outdated"
    title = "The database schema is older than this version"


class ArchiveMismatch(SchemaError):
    """Archive and registry do not belong together, or the archive is missing."""

    code = "archive_mismatch"
    title = "Archive and registry do not belong together"


class BucketMismatch(SchemaError):
    """The bucket for uploads has the files of another archive, or not those of this one."""

    code = "bucket_mismatch"
    title = "The bucket does not belong to this archive"


class RegistryLost(SchemaError):
    """There are kept uploads, but no registry."""

    code = "registry_lost"
    title = "The registry of the kept uploads is missing"


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
    """No current listing has this model."""

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
    """The archive knows the listing, but this import has no event of it."""

    code = "listing_not_in_import"
    title = "The import has no such listing"


class SourceNotKept(NotFound):
    """The event was written through the library: there never was a file."""

    code = "source_not_kept"
    title = "The row does not come from a file"


class SourceMissing(GlyphdError):
    """A file that should be kept forever is missing."""

    code = "source_missing"
    title = "The kept file is missing"


class SourceMismatch(GlyphdError):
    """The kept file and the archive have different values."""

    code = "source_mismatch"
    title = "The kept file and the archive differ"


class Conflict(GlyphdError):
    code = "conflict"
    title = "The request conflicts with existing data"


class IdempotencyConflict(Conflict):
    """The key belongs to another request."""

    code = "idempotency_key_reused"
    title = "The Idempotency-Key belongs to another request"


class ImportFinal(Conflict):
    """The import has ended: it can no longer be cancelled."""

    code = "import_final"
    title = "The import has ended"


class ImportNotRetryable(Conflict):
    """Only a failed or cancelled import, or a dry run that succeeded, can be run again."""

    code = "import_not_retryable"
    title = "The import can't be retried"


class ImportNotSucceeded(Conflict):
    """The import has no rows: it failed, was cancelled, was a dry run, or has not ended."""

    code = "import_not_succeeded"
    title = "The import has not succeeded"


class NothingToChange(Conflict):
    """The import is already rolled back, or is not rolled back."""

    code = "nothing_to_change"
    title = "The import is already in that state"


class ChangePending(Conflict):
    """The opposite change of the import is in progress."""

    code = "change_pending"
    title = "Another change of the import is in progress"


class ImportConflict(Conflict):
    """The import id is used by a batch with other rows."""

    code = "import_conflict"
    title = "The import id is already in use"


class CannotRebuild(Conflict):
    """The archive can't be rebuilt from what is kept."""

    code = "cannot_rebuild"
    title = "The archive can't be rebuilt"


class CannotBackUp(Conflict):
    """The target can't be used, or something that belongs in the copy is missing."""

    code = "cannot_back_up"
    title = "The backup can't be made"


class Refused(GlyphdError):
    """The request was understood, but its content can't be accepted."""

    code = "refused"
    title = "The content can't be accepted"


class FileRefused(Refused):
    """The check at the door: the first block shows that the file can never be imported."""

    code = "file_refused"
    title = "The file can't be imported"


class RowsRefused(Refused):
    code = "invalid_rows"
    title = "Some rows are not valid"


class FewerRows(Refused):
    """A complete file has far fewer rows than its source's last import."""

    code = "fewer_rows"
    title = "The file has far fewer rows than the previous one"


class UnreadableFile(Refused):
    """The file's structure is broken from `line` on, so its rows can't be separated."""

    code = "unreadable_file"
    title = "The file can't be read"


class ImportTooLarge(GlyphdError):
    """The import has too little disk space: it would not fit even if the disk had only glyphd's
    files, or it found no space in many attempts."""

    code = "too_large_for_disk"
    title = "The import does not fit on the disk"


class FormatNotInstalled(GlyphdError):
    code = "format_not_installed"
    title = "The format is not installed"


class Unavailable(GlyphdError):
    code = "unavailable"
    title = "The service is temporarily unavailable"


class TooManyImports(Unavailable):
    code = "too_many_imports"
    title = "Too many imports are waiting"


class TooManyUploads(Unavailable):
    code = "too_many_uploads"
    title = "Too many uploads are in progress"


class ClientLeft(Unavailable):
    """The client closed its connection before its answer was complete."""

    code = "client_left"
    title = "The client disconnected before its answer was complete"


class UploadsUnavailable(Unavailable):
    """The bucket for uploads did not answer, or refused the request."""

    code = "uploads_unavailable"
    title = "The upload store is not available"


class NotReady(Unavailable):
    code = "not_ready"
    title = "The service is not ready"


class DatabaseDamaged(Unavailable):
    """The contents of a database can't be read: a page or a value was overwritten, or the disk lost
    it."""

    code = "database_damaged"
    title = "A database is damaged"


class StorageFull(Unavailable):
    code = "storage_full"
    title = "The disk is full"
