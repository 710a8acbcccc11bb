"""Regenerates requirements/*.lock and the constraints in pyproject.toml; run it as `make lock`.

Versions already locked stay unless pyproject.toml forbids them; options (`--upgrade`) are passed on
to uv.
"""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory

FOLDER = Path(__file__).parent
PYPROJECT = FOLDER.parent / "pyproject.toml"
# One resolution for every Python and platform we support, and no index named: the installer's own
# one is used.
COMPILE = [
    "pip",
    "compile",
    "--quiet",
    "--universal",
    "--generate-hashes",
    "--no-header",
    "--no-emit-index-url",
]
# What the container image has.
SHIPPED_EXTRAS = ["--extra", "postgres", "--extra", "object-storage", "--extra", "redis"]
CONSTRAINTS = re.compile(r"^constraint-dependencies = \[\n(?:  .*\n)*\]$", re.MULTILINE)


def main(uv: str, *options: str) -> None:
    """Compile in a scratch folder, where the old constraints don't hold back the new resolution."""
    source = PYPROJECT.read_text()
    project = tomllib.loads(source)
    oldest = re.sub(r"[^\d.]", "", project["project"]["requires-python"])
    with TemporaryDirectory() as name:
        scratch = Path(name)
        (scratch / PYPROJECT.name).write_text(with_constraints(source, []))

        def compile_lock(lock: str, *arguments: str, seed: str, requirements: str = "") -> None:
            # uv prefers the versions that stand in the output file already.
            if (FOLDER / seed).exists():
                shutil.copy(FOLDER / seed, scratch / lock)
            command = [uv, *COMPILE, "--python-version", oldest, *arguments, "--output-file", lock]
            subprocess.run(
                command,
                cwd=scratch,
                check=True,
                text=True,
                input=requirements,
                stdout=subprocess.DEVNULL,
            )
            shutil.copy(scratch / lock, FOLDER)

        compile_lock(
            "dev.lock",
            PYPROJECT.name,
            *SHIPPED_EXTRAS,
            "--group",
            "dev",
            *options,
            seed="dev.lock",
        )
        # The smaller locks follow the big one: what is shipped is what is tested.
        compile_lock("runtime.lock", PYPROJECT.name, *SHIPPED_EXTRAS, seed="dev.lock")
        compile_lock(
            "build.lock",
            "-",
            seed="dev.lock",
            requirements="\n".join(project["build-system"]["requires"]),
        )
        compile_lock("tools.lock", "-", *options, seed="tools.lock", requirements="uv")
        compile_lock("audit.lock", "-", *options, seed="audit.lock", requirements="pip-audit")
        compile_lock("api.lock", "--group", "api", *options, seed="api.lock")
        # Never in one environment with the rest: the peers may want other versions of what we use.
        compile_lock("bench.lock", "--group", "bench", *options, seed="bench.lock")
        compile_lock("datasette.lock", "--group", "datasette", *options, seed="bench.lock")
    PYPROJECT.write_text(with_constraints(source, pins(FOLDER / "dev.lock")))


def pins(lock: Path) -> list[str]:
    """Every `name==version ; marker` of a lock file."""
    lines = (line.removesuffix("\\").strip() for line in lock.read_text().splitlines())
    return [line for line in lines if re.match(r"[a-z0-9]", line)]


def with_constraints(source: str, requirements: list[str]) -> str:
    """The text of pyproject.toml with this list, and no other, as uv's constraints."""
    entries = "".join(f'    "{requirement}",\n' for requirement in requirements)
    if not CONSTRAINTS.search(source):
        raise SystemExit(f"{PYPROJECT}: no constraint-dependencies to replace")
    return CONSTRAINTS.sub(lambda _: f"constraint-dependencies = [\n{entries}]", source)


if __name__ == "__main__":
    main(*sys.argv[1:])
