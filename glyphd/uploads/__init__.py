"""The upload store: every byte received, kept for ever. Interface and the local folder behind
it."""

from glyphd.uploads.local import LocalUploads
from glyphd.uploads.store import HEAD_BYTES, Receiving, UploadStore

__all__ = ["HEAD_BYTES", "LocalUploads", "Receiving", "UploadStore"]
