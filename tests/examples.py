"""The number of examples of each property: few enough for a run of all tests, or more on request,
as with `make test EXAMPLES=20 ARGS=tests/history`."""

import os

from hypothesis import HealthCheck, settings

FACTOR = int(os.environ.get("GLYPHD_TEST_EXAMPLES", "1"))


def examples(count: int) -> settings:
    """This many examples, or the multiple of it that was requested. They may share the fixtures of
    a test."""
    return settings(
        max_examples=count * FACTOR,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
