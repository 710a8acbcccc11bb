"""`python -m tests.power.unsynced MODULE …` runs a module whose own syncs do nothing, so that it
loses uploads."""

import os
import runpy
import sys


def main(module: str, arguments: list[str]) -> None:
    for name in ("fsync", "fdatasync"):
        setattr(os, name, lambda _: None)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
