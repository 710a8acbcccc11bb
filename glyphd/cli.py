"""The command line. There is no command to import data: all data comes over HTTP."""

import sys
from importlib.metadata import version
from typing import Any

import click

from glyphd.command_settings import EXIT_WRONG, settings_options
from glyphd.db.migration_sets import ARCHIVE, applied_of, place_of, require_there
from glyphd.db.migrations import begin_new_ledger, migrate
from glyphd.logs import configure_logs
from glyphd.settings import PREFIX, Settings, load_settings
from glyphd.token_commands import token_group
from glyphd.upkeep_commands import UPKEEP_COMMANDS
from glyphd.uploads.opening import prepare_ledger
from glyphd.worker_package import load


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("glyphd"), prog_name="glyphd")
def main() -> None:
    """The ledger of the GPU market: it accepts scored listings over HTTP and keeps every scoring
    event."""


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
def serve_command(no_worker: bool, **flags: Any) -> None:
    """Run the API and a worker."""
    # Loaded only here, because a worker and other commands need nothing of it.
    from glyphd.serving import serve

    settings = load_settings(**flags)
    configure_logs(settings)
    serve(settings, with_worker=not no_worker)


@main.command("api-process", hidden=True)
@click.argument("number", type=int)
@click.argument("count", type=int)
@click.argument("listener", type=int)
@click.argument("memory", type=int)
@settings_options
def api_process_command(number: int, count: int, listener: int, memory: int, **flags: Any) -> None:
    """Run one of several API processes: `glyphd serve` starts them, with open descriptors."""
    from glyphd.api_process import run_sibling

    settings = load_settings(**flags)
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
def worker_command(once: bool, ping: bool, stop_with_parent: bool, **flags: Any) -> None:
    """Run only a worker, which writes queued imports into the archive."""
    settings = load_settings(**flags)
    process = load("process")
    if ping:
        require_there(settings)
        sys.exit(0 if process.is_alive(settings) else EXIT_WRONG)
    process.run(settings, once=once, stop_with_parent=stop_with_parent)


@main.command("migrate")
@click.option("--to", help="Upgrade or downgrade to archive:N or registry:N.")
@click.option("--drop-data", is_flag=True, help="Allow a downgrade to drop data.")
@settings_options
def migrate_command(to: str | None, drop_data: bool, **flags: Any) -> None:
    """Upgrade the databases to this version's schema, or migrate to another step."""
    settings = load_settings(**flags)
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
def init_command(new_ledger: bool, **flags: Any) -> None:
    """Create the archive and the registry; `serve` and `worker` do so automatically."""
    settings = load_settings(**flags)
    if new_ledger:
        aside = begin_new_ledger(settings)
        if aside is not None:
            click.echo(f"the kept uploads were moved to {aside.absolute()}")
    else:
        prepare_ledger(settings)
    click.echo(f"ready: {place_of(settings)}")


@main.command("settings")
@settings_options
def settings_command(**flags: Any) -> None:
    """Show every setting with its environment variable and value."""
    settings = load_settings(**flags)
    for name, value in settings.shown().items():
        description = Settings.model_fields[name].description
        click.echo(f"{PREFIX + name.upper()}={value}\n    {description}")
    if settings.database_url is None and not settings.archive_path.exists():
        click.echo(
            f"there is no archive at {place_of(settings)} yet: `glyphd serve` creates one", err=True
        )


for command in (*UPKEEP_COMMANDS, token_group):
    main.add_command(command)
