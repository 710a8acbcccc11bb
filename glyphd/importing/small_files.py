"""Which imports take only a moment."""

from glyphd.db.registry_models import Job

SMALL_BYTES = 256 * 1024


def is_small(job: Job) -> bool:
    """Whether the file has at most SMALL_BYTES; a packed one may have any number of rows."""
    return job.content_encoding is None and (job.size_bytes or 0) <= SMALL_BYTES
