"""The URL of a bucket for uploads: refused if it is ambiguous or could contain a secret."""

import re

SCHEMES = ("s3", "gs", "az")
"""Amazon S3 and compatible services, Google Cloud Storage, Azure Blob Storage."""

_BUCKET = r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]"
_SEGMENT = r"(?!\.{1,2}(?:/|$))[A-Za-z0-9._=-]+"
_URL = re.compile(rf"(?:{'|'.join(SCHEMES)})://{_BUCKET}(?:/{_SEGMENT})*/?")


def require_bucket_url(url: str) -> None:
    """Raises ValueError, without any part of the URL in its text, for anything but a bucket and a
    prefix in it."""
    if url.partition("://")[0] not in SCHEMES:
        raise ValueError("must start with s3://, gs:// or az://")
    if _URL.fullmatch(url) is None:
        raise ValueError(
            "must be s3://bucket/prefix, gs://bucket/prefix or az://container/prefix; credentials "
            "and endpoints go into the variables of the cloud, such as AWS_SECRET_ACCESS_KEY"
        )


def shown_bucket(url: str) -> str:
    """The URL for people. A malformed one is not shown, because it may contain a secret."""
    return url if _URL.fullmatch(url) else "***"
