"""The upload store: every byte received, kept for ever. Interface and the local folder behind it."""

from glyphd.uploads.local import LocalUploads
from glyphd.uploads.store import Receiving, UploadStore

__all__ = ["LocalUploads", "Receiving", "UploadStore"]
