"""Where the package `worker` is, and how child processes are started.

`worker` is a common name, and the current folder may contain anything: neither may decide which
code runs.
"""

import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

_NAME = "worker"
_FOLDER = Path(__file__).parents[1] / _NAME
"""Beside this package, in the folder where both are installed."""


def python() -> list[str]:
    """The command for a child: this interpreter, without the current folder on its path (`-P`)."""
    return [sys.executable, "-P"]


def load(module: str) -> Any:
    """A module of our package `worker`, found by its location, even if something else on the path
    has the same name."""
    if _NAME not in sys.modules:
        spec = spec_from_file_location(
            _NAME, _FOLDER / "__init__.py", submodule_search_locations=[str(_FOLDER)]
        )
        assert spec is not None
        assert spec.loader is not None
        package = module_from_spec(spec)
        sys.modules[_NAME] = package
        spec.loader.exec_module(package)
    return import_module(f"{_NAME}.{module}")
