"""The explorer's server: for this machine only, for its own page only.

It listens on loopback, answers only requests that name a loopback host (so that no other site can
reach it through a name of its own), serves a closed list of files, and takes text alone.
"""

from __future__ import annotations

import json
import logging
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from nanochart.errors import NanochartError
from nanochart.show.explorer.answers import (
    LARGEST_UPLOAD,
    Answer,
    Answers,
    BadQuestion,
    UnknownQuestion,
    page_file,
)
from nanochart.show.explorer.content import StructureSource

_log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
#: Seconds that a client may take over its request.
_PATIENCE = 20.0
#: Requests answered at once; more wait in the queue of the socket.
_AT_ONCE = 200
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class ExplorerServer(ThreadingHTTPServer):
    """Serves the page of one source; ``with`` it, or call ``server_close``.

    Parameters
    ----------
    source
        Where points and structures come from.
    port
        To listen on; 0 takes a free one.
    """

    daemon_threads = True
    request_queue_size = 2048
    # A port in use must be an error, not shared.
    allow_reuse_address = False

    def __init__(self, source: StructureSource, *, port: int = 0) -> None:
        self.answers = Answers(source)
        self._places = threading.BoundedSemaphore(_AT_ONCE)
        try:
            super().__init__((LOOPBACK, port), _Handler)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise NanochartError(
                f"port {port} of this machine cannot be used ({reason}); leave --port out to take "
                "a free one"
            ) from None

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{LOOPBACK}:{self.server_port}/"

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread, a limited number of them at once."""
        self._places.acquire()
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._places.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, and make room for the next."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Let a client go that broke off; the next one is answered as ever."""


class _Handler(BaseHTTPRequestHandler):
    """One request."""

    server: ExplorerServer
    timeout = _PATIENCE
    server_version, sys_version = "nanochart", ""

    def do_GET(self) -> None:
        self._respond(send_body=True)

    def do_HEAD(self) -> None:
        self._respond(send_body=False)

    def do_POST(self) -> None:
        if not self._is_for_us():
            return
        if self.path != "/api/place":
            self._fail(HTTPStatus.NOT_FOUND, "there is nothing to send here")
            return
        body = self._body()
        if body is not None:
            self._send(lambda: self.server.answers.place(body), send_body=True)

    def _respond(self, *, send_body: bool) -> None:
        if not self._is_for_us():
            return
        try:
            asked = urlsplit(self.path)
        except ValueError:
            self._fail(HTTPStatus.BAD_REQUEST, "this is no address")
            return
        if asked.path.startswith("/api/"):
            name, query = asked.path.removeprefix("/api/"), parse_qs(asked.query)
            self._send(lambda: self.server.answers.get(name, query), send_body=send_body)
        else:
            name = asked.path.removeprefix("/") or "index.html"
            self._send(lambda: page_file(name), send_body=send_body)

    def _is_for_us(self) -> bool:
        """Refuse what names another host, or comes from another site's page."""
        port = self.server.server_port
        hosts = {f"{name}:{port}" for name in (LOOPBACK, "localhost", "[::1]")}
        origin = self.headers.get("Origin")
        if self.headers.get_all("Host", []) != [self.headers.get("Host")] or (
            self.headers.get("Host", "").lower() not in hosts
        ):
            self._fail(HTTPStatus.FORBIDDEN, "this page answers its own machine only")
        elif origin is not None and origin.lower() not in {f"http://{host}" for host in hosts}:
            self._fail(HTTPStatus.FORBIDDEN, "this page answers no other site")
        else:
            return True
        return False

    def _body(self) -> bytes | None:
        """Return what was sent, or refuse it."""
        kind = self.headers.get("Content-Type", "").split(";")[0].strip().lower()
        length = self.headers.get("Content-Length", "")
        if kind != "text/plain":
            self._fail(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send the file as text/plain")
        elif not (length.isascii() and length.isdigit()):
            self._fail(HTTPStatus.LENGTH_REQUIRED, "say how long the file is")
        elif len(length) > 12 or int(length) > LARGEST_UPLOAD:
            megabytes = LARGEST_UPLOAD // 1_000_000
            self._fail(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"the file is larger than {megabytes} MB; place it with `nanochart project`",
            )
        else:
            return self.rfile.read(int(length))
        return None

    def _send(self, answer: Any, *, send_body: bool) -> None:
        """Send an answer, or say in one line why there is none."""
        try:
            found: Answer = answer()
        except UnknownQuestion:
            self._fail(HTTPStatus.NOT_FOUND, "there is no such page")
        except BadQuestion as error:
            self._fail(HTTPStatus.BAD_REQUEST, str(error))
        except NanochartError as error:
            self._fail(HTTPStatus.CONFLICT, str(error))
        except Exception as error:
            # A fault of ours: the page says so, the terminal too, and the server lives on.
            _log.exception("%s", self.path)
            self._fail(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                f"nanochart stumbled ({type(error).__name__}: {error}); the terminal has more",
            )
        else:
            self._write(HTTPStatus.OK, found, send_body)

    def _fail(self, status: HTTPStatus, reason: str) -> None:
        self._write(status, Answer(json.dumps({"error": reason}).encode(), "application/json"))

    def _write(self, status: HTTPStatus, answer: Answer, send_body: bool = True) -> None:
        try:
            self.send_response(status)
            for name, value in _HEADERS.items():
                self.send_header(name, value)
            self.send_header("Content-Type", answer.type)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if send_body and self.command != "HEAD":
                self.wfile.write(answer.body)
        except (TimeoutError, ConnectionError):
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Say nothing of every request."""
