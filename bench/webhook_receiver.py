"""A receiver of webhooks in a process of its own. It accepts everything, over keep-alive
connections."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.wfile.write(b"HTTP/1.1 204 No Content\r\n\r\n")


def main() -> None:
    """Serves on the port in the first argument until stdin ends."""
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    server.shutdown()
    print(json.dumps({}))


if __name__ == "__main__":
    main()
