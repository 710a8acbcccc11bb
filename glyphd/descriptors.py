"""How many files and connections this process may have open."""

import errno
import resource
from contextlib import suppress

_NO_DESCRIPTORS = (errno.EMFILE, errno.ENFILE)


def raise_descriptor_limit() -> None:
    """Raises the soft limit to the hard one: the soft one is low only for programs that can't
    handle more."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # some systems refuse to go up to an unlimited one
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def descriptor_limit() -> int | None:
    """How many descriptors this process can have; None if there is no limit."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def is_out_of_descriptors(error: BaseException) -> bool:
    """Whether this process, or the system as a whole, can't open another file or connection."""
    return isinstance(error, OSError) and error.errno in _NO_DESCRIPTORS
