"""Real proxies for tests: Debian's nginx and Caddy with the configurations from docs/PROXIES.md, as
ordinary processes on free ports."""

import os
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.processes import PATIENCE_SECONDS, until
from tests.server_process import free_port, installed

PAGE = Path(__file__).parents[2] / "docs" / "PROXIES.md"
ADDRESS_OF_THE_PAGE = "127.0.0.1:8080"

# What Debian's own nginx.conf sets, for a process without privileges.
_NGINX = """\
daemon off;
master_process off;
error_log {folder}/error.log;
pid {folder}/nginx.pid;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/bodies;
    proxy_temp_path {folder}/answers;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {more}
    {server}
}}
"""


@dataclass(frozen=True)
class Proxy:
    """A running proxy: its address, and the prefix of glyphd behind it."""

    address: str
    prefix: str

    @property
    def root(self) -> str:
        return self.address + self.prefix


@contextmanager
def nginx(folder: Path, upstream: str, *, prefix: str = "", more: str = "") -> Iterator[Proxy]:
    """nginx in front of the service at `upstream`, such as `127.0.0.1:4711`; `more` are directives
    for all servers."""
    folder.mkdir()
    port = free_port()
    server = snippet("nginx", prefix, upstream).replace("443 ssl", f"127.0.0.1:{port}")
    file = folder / "nginx.conf"
    file.write_text(_NGINX.format(folder=folder, more=more, server=server))
    command = (
        installed("nginx"),
        "-p",
        str(folder),
        "-c",
        str(file),
        "-e",
        str(folder / "error.log"),
    )
    with _running(command, folder, port):
        yield Proxy(f"http://127.0.0.1:{port}", prefix)


@contextmanager
def caddy(folder: Path, upstream: str, *, prefix: str = "") -> Iterator[Proxy]:
    """Caddy in front of the service at `upstream`."""
    folder.mkdir()
    port = free_port()
    site = snippet("caddy", prefix, upstream).replace("gpu.example.com", f"http://127.0.0.1:{port}")
    file = folder / "Caddyfile"
    file.write_text("{\n\tadmin off\n\tauto_https off\n}\n" + site)
    command = (installed("caddy"), "run", "--config", str(file), "--adapter", "caddyfile")
    with _running(command, folder, port):
        yield Proxy(f"http://127.0.0.1:{port}", prefix)


def snippet(language: str, prefix: str, upstream: str) -> str:
    """The page's own configuration, with the address of this service. Of each language the page has
    two: the first without a prefix, the second with `/gpu`."""
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    plain, prefixed = found
    assert "/gpu" in prefixed
    return (prefixed if prefix else plain).replace(ADDRESS_OF_THE_PAGE, upstream)


@contextmanager
def _running(command: tuple[str, ...], folder: Path, port: int) -> Iterator[None]:
    log = folder / "output.log"
    environment = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    with log.open("w") as output:
        popen = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
        try:
            until(lambda: popen.poll() is not None or _is_open(port))
            assert popen.poll() is None, log.read_text()
            yield
        finally:
            popen.terminate()
            popen.wait(PATIENCE_SECONDS)


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
