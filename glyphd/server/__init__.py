"""The WSGI server: waitress, with admission before the body, time limits for slow clients and a
graceful stop."""

from glyphd.server.admission import Rules
from glyphd.server.limits import ServerLimits
from glyphd.server.runner import run_server

__all__ = ["Rules", "ServerLimits", "run_server"]
