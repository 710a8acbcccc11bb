"""The upload store: every received byte, kept forever. The interface, and its implementations: a
local folder, and a bucket."""

from glyphd.uploads.local import LocalUploads
from glyphd.uploads.store import HEAD_BYTES, Receiving, UploadStore

__all__ = ["HEAD_BYTES", "LocalUploads", "Receiving", "UploadStore"]
