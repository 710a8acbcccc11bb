"""A process that serves `counting`, `Holding` and a large file, as `python -m tests.server.keeping
SCRATCH GRACE`."""

import signal
import sys
import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path
from wsgiref.types import StartResponse, WSGIEnvironment

from glyphd.listener import listen
from glyphd.server import ServerLimits, run_server
from tests.server.apps import Holding, counting

LARGE = 2 << 30
_HOLDING = Holding()


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/large":
        return _large(environ, start_response)
    return (_HOLDING if environ["PATH_INFO"] == "/hold" else counting)(environ, start_response)


def _large(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """A file of zeros that takes no space on the disk."""
    file = tempfile.TemporaryFile()  # noqa: SIM115  # closed when it is sent
    file.truncate(LARGE)
    start_response("200 OK", [("Content-Length", str(LARGE))])
    return environ["wsgi.file_wrapper"](file)  # type: ignore[no-any-return]


def main(scratch: Path, grace_seconds: float) -> None:
    tempfile.tempdir = str(scratch)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    limits = ServerLimits("127.0.0.1", 0, 2, 4 << 30, scratch, grace_seconds, disk_reserve_bytes=0)
    with listen(limits.host, limits.port) as listener:
        run_server(app, limits, listener, on_ready=_say_where, stop=stop)


def _say_where(host: str, port: int) -> None:
    print(port, flush=True)  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
