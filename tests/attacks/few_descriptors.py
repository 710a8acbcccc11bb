"""`python -m tests.attacks.few_descriptors MODULE …` runs a module with a low limit on open
files."""

import resource
import runpy
import sys

MOST = 256


def main(module: str, arguments: list[str]) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (MOST, MOST))
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
