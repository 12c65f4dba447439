"""Show a folder in the browser of this computer; nobody else can reach it."""

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

PORT = 8000


class Quiet(SimpleHTTPRequestHandler):
    """Serves files without a line for each."""

    def log_message(self, *arguments):
        pass

    def end_headers(self):
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()


def serve(folder, port=PORT):
    """A server of `folder`, ready for ``serve_forever()``.

    Raises
    ------
    OSError
        If the port is taken.
    """
    return ThreadingHTTPServer(("127.0.0.1", port), partial(Quiet, directory=str(folder)))
