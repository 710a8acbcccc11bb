"""The maintenance commands for an archive: check, verify, rebuild, backup."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import click

from glyphd.command_settings import EXIT_WRONG, settings_options
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
from glyphd.settings import Settings, load_settings
from glyphd.upkeep.backup import back_up
from glyphd.upkeep.checkup import find_faults, uploads_without_registry
from glyphd.upkeep.registry_rebuild import rebuild_registry
from glyphd.upkeep.replacing import rebuild_elsewhere, rebuild_in_place
from glyphd.upkeep.replacing_tables import rebuild_tables
from glyphd.upkeep.verification import Verifier
from glyphd.uploads.opening import open_own_uploads, open_uploads


@click.command("check")
@settings_options
def check_command(**flags: Any) -> None:
    """Check the databases and kept files for damage, and compare schema, registry and archive."""
    settings = load_settings(**flags)
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


@click.command("verify")
@click.argument("import_ids", nargs=-1, metavar="[IMPORT_ID]...")
@click.option(
    "--all", "everything", is_flag=True, help="Verify every import, and the archive as a whole."
)
@settings_options
def verify_command(import_ids: tuple[str, ...], everything: bool, **flags: Any) -> None:
    """Compare the kept files with the archive, row by row."""
    settings = load_settings(**flags)
    if everything == bool(import_ids):
        raise click.UsageError("name the imports to verify, or use --all")
    require_there(settings)
    require_current_schema(settings)
    use_scratch_folder(settings, make=False)
    found = False
    with _verifier(settings, import_ids) as verifier:
        for line in verifier.verify_all() if everything else verifier.verify(import_ids):
            found = True
            _tell(line)
    if found:
        sys.exit(EXIT_WRONG)
    click.echo(f"no difference: {verifier.tally}")


@click.command("rebuild")
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    help="Path of the new archive; default: in place of the old one.",
)
@click.option(
    "--registry", is_flag=True, help="Instead, recover the kept uploads that the registry lacks."
)
@settings_options
def rebuild_command(into: Path | None, registry: bool, **flags: Any) -> None:
    """Rebuild the archive from the kept uploads and the registry, and set the old one aside."""
    settings = load_settings(**flags)
    if registry and into is not None:
        raise click.UsageError("--registry and --into can't be combined")
    if registry:
        _rebuild_registry(settings)
        return
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


def _rebuild_registry(settings: Settings) -> None:
    recovered = rebuild_registry(settings, partial(_progress, "reading"))
    click.echo(f"{place_of(settings, REGISTRY)}: {recovered}")
    for note in recovered.notes:
        click.echo(note)


@click.command("backup")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@settings_options
def backup_command(folder: Path, **flags: Any) -> None:
    """Copy archive, registry and uploads into an empty FOLDER; the service can keep running."""
    settings = load_settings(**flags)
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


UPKEEP_COMMANDS = (check_command, verify_command, rebuild_command, backup_command)
