"""One upload as a request."""

from collections.abc import Mapping
from typing import Any

from glyphd_client.errors import Refused
from glyphd_client.options import ImportOptions, PushOptions, content_key, option_pairs
from glyphd_client.transport import Request
from glyphd_client.uploads import UploadFile, nobody_looks


def upload_request(file: UploadFile, options: PushOptions) -> Request:
    """The request that sends a file. Its options are in the query, so that the service can refuse
    them before it receives the body."""
    asked = import_options(options)
    pack, on_sent = options.get("gzip", True), options.get("on_sent") or nobody_looks
    key = options.get("key") or content_key(file.digest, asked)
    return Request(
        "POST",
        "/api/import",
        [*option_pairs(asked), ("filename", file.name)],
        {"Idempotency-Key": key, **file.headers(pack=pack)},
        lambda: file.body(on_sent, pack=pack),
    )


def import_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a push's options that the service knows."""
    return {name: options[name] for name in ImportOptions.__annotations__ if name in options}


def is_same_content(refused: Refused) -> bool:
    """Whether a key of bytes and options was refused because the file was packed otherwise.

    Such a key is the digest of the file and the options, so nothing else can differ. Another
    version of zlib packs the same file into other bytes.
    """
    return refused.code == "idempotency_key_reused" and refused.problem.get("differs") == [
        "content"
    ]
