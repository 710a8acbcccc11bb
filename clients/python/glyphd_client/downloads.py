"""Whole answers saved as files."""

from collections.abc import Iterator
from pathlib import Path

from glyphd_client.errors import LocalFileError
from glyphd_client.transport import Request, Transport


def save_whole(transport: Transport, request: Request, file: Path) -> None:
    """Saves an answer's body. The file is there when all of it is; a partial one never is."""
    partial = file.with_name(f"{file.name}.part")

    def save(blocks: Iterator[bytes]) -> None:
        with partial.open("wb") as stream:
            for block in blocks:
                stream.write(block)

    try:
        transport.download(request, save)
        partial.replace(file)
    except OSError as error:
        raise LocalFileError(f"can't write {file}: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)
