"""The command line: the commands and their options. There is no command to import data: all data
comes over HTTP.

Each command loads what it needs when it runs: `--help` and a health check need little of it.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from glyphd.command_settings import EXIT_WRONG, settings_options
from glyphd.memory import load_without_collecting
from glyphd.tokens.grants import Scope

if TYPE_CHECKING:
    from glyphd.settings import Settings


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="glyphd", prog_name="glyphd")
def main() -> None:
    """The ledger of the GPU market: it accepts scored listings over HTTP and keeps every scoring
    event."""
    load_without_collecting()


@main.command("serve")
@click.option("--host", help="Address to listen on (GLYPHD_HOST, default 127.0.0.1).")
@click.option("--port", type=int, help="Port to listen on (GLYPHD_PORT, default 8080).")
@click.option("--allowed-hosts", help="Additional host names to serve (GLYPHD_ALLOWED_HOSTS).")
@click.option(
    "--trusted-proxies", help="Proxies whose X-Forwarded-… is trusted (GLYPHD_TRUSTED_PROXIES)."
)
@click.option(
    "--processes",
    type=int,
    help="API processes (GLYPHD_PROCESSES, default as many as cores, at most 4).",
)
@click.option("--no-worker", is_flag=True, help="Run only the API, without a worker.")
@settings_options
def serve_command(settings: "Settings", no_worker: bool) -> None:
    """Run the API and a worker."""
    from glyphd.logs import configure_logs
    from glyphd.serving import serve

    configure_logs(settings)
    serve(settings, with_worker=not no_worker)


@main.command("api-process", hidden=True)
@click.argument("number", type=int)
@click.argument("count", type=int)
@click.argument("listener", type=int)
@click.argument("memory", type=int)
@settings_options
def api_process_command(
    settings: "Settings", number: int, count: int, listener: int, memory: int
) -> None:
    """Run one of several API processes: `glyphd serve` starts them, with open descriptors."""
    from glyphd.api_process import run_sibling
    from glyphd.logs import configure_logs

    configure_logs(settings, process=number)
    run_sibling(settings, number=number, count=count, listener=listener, memory=memory)


@main.command("worker")
@click.option("--once", is_flag=True, help="Run all queued jobs, then exit.")
@click.option(
    "--ping",
    is_flag=True,
    help="Only check whether a worker on this host is alive; exit with 0 if so, else with 1.",
)
@click.option("--stop-with-parent", is_flag=True, help="Exit when stdin is closed.")
@settings_options
def worker_command(settings: "Settings", once: bool, ping: bool, stop_with_parent: bool) -> None:
    """Run only a worker, which writes queued imports into the archive."""
    if ping:
        from glyphd.importing.heartbeats import is_worker_here

        sys.exit(0 if is_worker_here(settings) else EXIT_WRONG)
    from glyphd.worker_package import load

    load("process").run(settings, once=once, stop_with_parent=stop_with_parent)


@main.command("migrate")
@click.option("--to", help="Upgrade or downgrade to archive:N or registry:N.")
@click.option("--drop-data", is_flag=True, help="Allow a downgrade to drop data.")
@settings_options
def migrate_command(settings: "Settings", to: str | None, drop_data: bool) -> None:
    """Create the databases, or bring them to this version's schema or to another step."""
    from glyphd.db.migration_sets import ARCHIVE, applied_of, place_of
    from glyphd.db.migrations import migrate

    is_new = not applied_of(settings, ARCHIVE)
    done = migrate(settings, to, drop_data=drop_data)
    if is_new and applied_of(settings, ARCHIVE):
        click.echo(f"created a new archive: {place_of(settings)}")
    click.echo("\n".join(done) if done else "nothing to do: the schema is already at that step")


@main.command("init-db")
@click.option(
    "--new-ledger",
    is_flag=True,
    help="If the registry is lost: move the kept uploads away and start empty.",
)
@settings_options
def init_command(settings: "Settings", new_ledger: bool) -> None:
    """Create the archive and the registry; `serve` and `worker` do so automatically."""
    from glyphd.db.migration_sets import place_of
    from glyphd.db.migrations import begin_new_ledger
    from glyphd.uploads.opening import prepare_ledger

    if new_ledger:
        aside = begin_new_ledger(settings)
        if aside is not None:
            click.echo(f"the kept uploads were moved to {aside.absolute()}")
    else:
        prepare_ledger(settings)
    click.echo(f"ready: {place_of(settings)}")


@main.command("settings")
@settings_options
def settings_command(settings: "Settings") -> None:
    """Show every setting with its environment variable and value."""
    from glyphd.db.migration_sets import place_of
    from glyphd.settings import PREFIX, Settings

    for name, value in settings.shown().items():
        description = Settings.model_fields[name].description
        click.echo(f"{PREFIX + name.upper()}={value}\n    {description}")
    if settings.database_url is None and not settings.archive_path.exists():
        click.echo(
            f"there is no archive at {place_of(settings)} yet: `glyphd serve` creates one", err=True
        )


@main.command("check")
@settings_options
def check_command(settings: "Settings") -> None:
    """Check the databases and kept files for damage, and compare schema, registry and archive."""
    from glyphd.upkeep_commands import check

    check(settings)


@main.command("verify")
@click.argument("import_ids", nargs=-1, metavar="[IMPORT_ID]...")
@click.option(
    "--all", "everything", is_flag=True, help="Verify every import, and the archive as a whole."
)
@settings_options
def verify_command(settings: "Settings", import_ids: tuple[str, ...], everything: bool) -> None:
    """Compare the kept files with the archive, row by row."""
    from glyphd.upkeep_commands import verify

    if everything == bool(import_ids):
        raise click.UsageError("name the imports to verify, or use --all")
    verify(settings, import_ids)


@main.command("rebuild")
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    help="Path of the new archive; default: in place of the old one.",
)
@click.option(
    "--registry", is_flag=True, help="Instead, recover the kept uploads that the registry lacks."
)
@settings_options
def rebuild_command(settings: "Settings", into: Path | None, registry: bool) -> None:
    """Rebuild the archive from the kept uploads and the registry, and set the old one aside."""
    from glyphd.upkeep_commands import rebuild, recover_registry

    if registry and into is not None:
        raise click.UsageError("--registry and --into can't be combined")
    if registry:
        recover_registry(settings)
    else:
        rebuild(settings, into)


@main.command("backup")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@settings_options
def backup_command(settings: "Settings", folder: Path) -> None:
    """Copy archive, registry and uploads into an empty FOLDER; the service can keep running."""
    from glyphd.upkeep_commands import backup

    backup(settings, folder)


@main.group("token")
def token_group() -> None:
    """Create, list and revoke tokens. Once a token exists, every request needs one."""


@token_group.command("create")
@click.argument("name")
@click.option(
    "--scope",
    type=click.Choice([scope.value for scope in Scope]),
    required=True,
    help="What it allows.",
)
@click.option("--source", help="Only import as this source; needs --scope write.")
@click.option("--expires", help="When it expires: 90d, 12h, 4w, a date or a time; default: never.")
@click.option(
    "--for-file", is_flag=True, help="Store nothing; print the line for GLYPHD_TOKENS_FILE."
)
@settings_options
def create_token_command(settings: "Settings", name: str, scope: str, **options: Any) -> None:
    """Create a token called NAME. It is shown once."""
    from glyphd.token_commands import create

    create(settings, name, scope, **options)


@token_group.command("list")
@settings_options
def list_tokens_command(settings: "Settings") -> None:
    """List all tokens, including expired and revoked ones, without the secrets."""
    from glyphd.token_commands import list_all

    list_all(settings)


@token_group.command("revoke")
@click.argument("name")
@settings_options
def revoke_token_command(settings: "Settings", name: str) -> None:
    """Revoke the token called NAME, or with this first part, and end its sessions."""
    from glyphd.token_commands import revoke

    revoke(settings, name)
