"""The maintenance commands for an archive: check, verify, rebuild, backup."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import click

from glyphd.command_settings import EXIT_WRONG
from glyphd.db.connections import close_all, open_archive_to_verify, open_registry_to_look
from glyphd.db.migration_sets import (
    REGISTRY,
    is_anything_there,
    place_of,
    require_current_schema,
    require_there,
)
from glyphd.importing.registry import Registry
from glyphd.plurals import counted
from glyphd.scratch import use_scratch_folder
from glyphd.settings import Settings
from glyphd.upkeep.backup import back_up
from glyphd.upkeep.checkup import find_faults, uploads_without_registry
from glyphd.upkeep.registry_rebuild import rebuild_registry
from glyphd.upkeep.replacing import rebuild_elsewhere, rebuild_in_place
from glyphd.upkeep.replacing_tables import rebuild_tables
from glyphd.upkeep.verification import Verifier
from glyphd.uploads.opening import open_own_uploads, open_uploads


def check(settings: Settings) -> None:
    """Prints what is damaged or does not match, and then exits with EXIT_WRONG."""
    _require_registry_of_uploads(settings)
    require_there(settings)
    registry, found = Registry(open_registry_to_look(settings)), False
    for line in find_faults(
        settings, registry, open_own_uploads(settings), partial(_progress, "checking")
    ):
        found = True
        _tell(line)
    close_all(registry.database)
    if found:
        sys.exit(EXIT_WRONG)
    click.echo(f"no drift: {place_of(settings)}")


def _require_registry_of_uploads(settings: Settings) -> None:
    """If there is no registry, prints a line for each kept upload and exits."""
    if is_anything_there(settings, REGISTRY):
        return
    found = list(uploads_without_registry(open_uploads(settings)))
    for line in found:
        _tell(line)
    if found:
        sys.exit(EXIT_WRONG)


def verify(settings: Settings, import_ids: tuple[str, ...]) -> None:
    """Prints where kept files and archive differ, and then exits with EXIT_WRONG. Without ids it
    verifies every import, and the archive as a whole."""
    require_there(settings)
    require_current_schema(settings)
    use_scratch_folder(settings, make=False)
    found = False
    with _verifier(settings, import_ids) as verifier:
        for line in verifier.verify(import_ids) if import_ids else verifier.verify_all():
            found = True
            _tell(line)
    if found:
        sys.exit(EXIT_WRONG)
    click.echo(f"no difference: {verifier.tally}")


def rebuild(settings: Settings, into: Path | None) -> None:
    """Rebuilds the archive at this path, by default in place of the old one, and prints where it
    is."""
    progress, aside = partial(_progress, "rebuilding"), []
    if into is not None:
        rebuilt = rebuild_elsewhere(settings, into, progress)
    elif settings.database_url is not None:
        rebuilt, schema = rebuild_tables(settings, progress)
        aside = [f"the schema {schema}"] if schema else []
    else:
        rebuilt, folders = rebuild_in_place(settings, progress)
        aside = [str(folder.absolute()) for folder in folders]
    click.echo(f"{into or place_of(settings)}: {rebuilt}")
    for place in aside:
        click.echo(f"what it replaced is in {place}")
    for note in rebuilt.notes:
        click.echo(note)


def recover_registry(settings: Settings) -> None:
    """Recovers the kept uploads that the registry lacks, and prints their number."""
    recovered = rebuild_registry(settings, partial(_progress, "reading"))
    click.echo(f"{place_of(settings, REGISTRY)}: {recovered}")
    for note in recovered.notes:
        click.echo(note)


def backup(settings: Settings, folder: Path) -> None:
    """Copies everything into the empty folder, and prints the amounts."""
    require_there(settings)
    require_current_schema(settings)
    made = back_up(settings, folder, partial(_progress, "copying"))
    imports, files = counted(made.imports, "import"), counted(made.files, "file")
    click.echo(f"{folder}: {imports}, {files}, {counted(made.bytes, 'byte')} of uploads")


@contextmanager
def _progress(label: str, length: int) -> Iterator[Callable[[int], None]]:
    """Shows a progress bar on stderr if that is a terminal; returns the function that reports
    progress."""
    if not sys.stderr.isatty():
        yield lambda done: None
        return
    with click.progressbar(length=length, label=label, file=sys.stderr) as bar:
        yield bar.update


@contextmanager
def _verifier(settings: Settings, import_ids: tuple[str, ...]) -> Iterator[Verifier]:
    """A running verifier, with its progress on stderr if that is a terminal."""
    archive, registry = open_archive_to_verify(settings), Registry(open_registry_to_look(settings))
    verifier = Verifier(archive, registry, open_own_uploads(settings), settings)
    try:
        length = verifier.total_bytes(import_ids or None)
        with archive.connection_context(), _progress("verifying", length) as verifier.tick:
            yield verifier
    finally:
        for database in (archive, registry.database):
            close_all(database)


def _tell(line: str) -> None:
    """Prints one line on stdout. On a terminal the progress bar is erased first; it is drawn again
    with the next bytes.

    Stored text in a damaged database may not be valid text.
    """
    if sys.stderr.isatty():
        click.echo("\r\x1b[K", nl=False, err=True)
    click.echo(line.encode(errors="backslashreplace"))
