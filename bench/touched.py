"""`python -m bench.touched`: how much of the code one small upload runs, and how often it opens a
database.

The upload is a form with a file of three rows. The API answers it and the worker imports it, both
in this process and without a server in front of them. A function counts once, however often it is
called.
"""

import logging
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import structlog
from bottle import Bottle

import glyphd
import worker
from glyphd.application import build_site
from glyphd.db.connections import close_all
from glyphd.db.migrations import initialise
from glyphd.private_files import make_folder
from glyphd.services import Services, build_services
from glyphd.settings import Settings
from worker import run_pending

PACKAGES = tuple(f"{Path(package.__file__ or '').parent}/" for package in (glyphd, worker))
CSV = "model,price_usd,score\nRTX_A6000,4200,0.9\nL40S,7400,0.8\nH100_PCIE,21000,0.7\n"
BOUNDARY = "three-rows"
FORM = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="three.csv"\r\n'
    f"Content-Type: text/csv\r\n\r\n{CSV}\r\n--{BOUNDARY}--\r\n"
).encode()


class Touched:
    """The functions of this project that are called in the block, and the databases that are opened
    in it."""

    def __init__(self) -> None:
        self.functions: set[CodeType] = set()
        self.opened: Counter[str] = Counter()
        self._is_watching = False
        sys.addaudithook(self._note_opening)

    @contextmanager
    def watching(self) -> Iterator["Touched"]:
        self._is_watching = True
        sys.setprofile(self._note_call)
        threading.setprofile(self._note_call)
        try:
            yield self
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
            self._is_watching = False

    def _note_call(self, frame: FrameType, event: str, _argument: object) -> None:
        code = frame.f_code
        if (
            event == "call"
            and code.co_filename.startswith(PACKAGES)
            and not code.co_name.startswith("<")
        ):
            self.functions.add(code)

    def _note_opening(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._is_watching and event == "sqlite3.connect":
            self.opened[Path(str(arguments[0]).partition("?")[0]).name] += 1


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(db_path=Path(folder) / "gpu.sqlite")
        initialise(settings)
        make_folder(settings.scratch_dir)
        services = build_services(settings)
        app = build_site(services)
        _both(app, services)  # work that a process does only once must not count
        for name, found in _both(app, services).items():
            opened = ", ".join(f"{file} {count}" for file, count in sorted(found.opened.items()))
            print(f"{name}: {len(found.functions)} functions; opened: {opened or 'nothing'}")
        close_all(services.archive)


def _both(app: Bottle, services: Services) -> dict[str, Touched]:
    steps: dict[str, Callable[[], object]] = {
        "API": lambda: _post(app),
        "worker": lambda: run_pending(services),
    }
    found = {}
    for name, step in steps.items():
        with Touched().watching() as found[name]:
            step()
    return found


def _post(app: Bottle) -> None:
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/api/import",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "localhost",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_TYPE": f"multipart/form-data; boundary={BOUNDARY}",
        "CONTENT_LENGTH": str(len(FORM)),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(FORM),
        "wsgi.errors": sys.stderr,
    }
    statuses: list[str] = []
    body = b"".join(app(environ, lambda status, *_: statuses.append(status)))
    if not statuses[0].startswith("202"):
        raise SystemExit(f"{statuses[0]}: {body.decode()}")


if __name__ == "__main__":
    main()
