"""The explorer's server: what it serves, what it refuses, and that nothing brings it down."""

from __future__ import annotations

import contextlib
import http.client
import json
import resource
import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from nanochart.errors import NanochartError
from nanochart.show.content import FamilyRow
from nanochart.show.explorer.answers import LARGEST_UPLOAD, MOST_STRUCTURES, SCRIPTS
from nanochart.show.explorer.content import ExplorerPoints, ExplorerStructures, ExplorerWords
from nanochart.show.explorer.packing import packed
from nanochart.show.explorer.server import ExplorerServer

N_POINTS, N_ATOMS, N_BINS = 40, 13, 20


def unpacked(body: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read a packed answer by the description in packing.py, not by its code."""
    (length,) = struct.unpack_from("<I", body)
    header = json.loads(body[4 : 4 + length])
    columns = {}
    for name, one in header["columns"].items():
        count, start = int(np.prod(one["shape"])), 4 + length + one["offset"]
        assert start % 8 == 0
        values = np.frombuffer(body, np.dtype(one["dtype"]).newbyteorder("<"), count, start)
        columns[name] = values.reshape(one["shape"])
    return header, columns


class MadeUp:
    """A source with made-up numbers; ``broken`` is raised instead of any structure."""

    broken: Exception | None = None

    def __init__(self) -> None:
        rng = np.random.default_rng(3)
        family = FamilyRow(0, N_POINTS, N_POINTS, np.zeros(3), np.zeros(6), -1.0, "blob", "a blob")
        self._points = ExplorerPoints(
            title="made up",
            species="Au",
            n_atoms=N_ATOMS,
            temperatures=np.array([300.0, 400.0]),
            rdf_grid=np.linspace(2.0, 8.0, N_BINS),
            families=(family,),
            rows=np.arange(N_POINTS),
            cvs=rng.normal(size=(N_POINTS, 3)).astype(np.float32),
            energy=rng.normal(size=N_POINTS),
            temperature=np.zeros(N_POINTS, dtype=np.int16),
            cluster_class=np.zeros(N_POINTS, dtype=np.int8),
            family=np.zeros(N_POINTS, dtype=np.int16),
            error=np.zeros(N_POINTS, dtype=np.float32),
            inside=np.ones(N_POINTS, dtype=bool),
            stands_for=np.arange(N_POINTS, dtype=np.int32),
            time=np.zeros(N_POINTS, dtype=np.int32),
            walker=np.full(N_POINTS, -1, dtype=np.int16),
            largest_error=1.0,
        )

    def points(self) -> ExplorerPoints:
        return self._points

    def structures(self, points: np.ndarray) -> ExplorerStructures:
        if self.broken is not None:
            raise self.broken
        n = len(points)
        positions = np.broadcast_to(points[:, None, None], (n, N_ATOMS, 3)).astype(np.float32)
        zeros = np.zeros((n, N_ATOMS), dtype=np.int8)
        return ExplorerStructures(
            items=[{"name": f"number {point}"} for point in points.tolist()],
            positions=positions,
            environment=zeros,
            neighbours=zeros,
            rdf=np.zeros((n, N_BINS), dtype=np.float32),
            view=np.zeros((n, 3, 3), dtype=np.float32),
        )

    def environment_counts(self) -> Mapping[str, np.ndarray]:
        return {"fcc atoms": np.arange(N_POINTS, dtype=np.int16)}

    def rdf_band(self, family: int) -> np.ndarray:  # noqa: ARG002
        return np.ones((3, N_BINS), dtype=np.float32)

    def words(self) -> ExplorerWords:
        return ExplorerWords([("a", "b")], np.zeros(N_POINTS, dtype=np.int32), N_POINTS, N_POINTS)

    def words_progress(self) -> tuple[int, int]:
        return N_POINTS, N_POINTS

    def place(self, text: str) -> ExplorerStructures:
        raise NanochartError(f"{len(text)} letters are no structure")

    def trajectory(self) -> str | None:
        return None


@pytest.fixture
def source() -> MadeUp:
    return MadeUp()


@pytest.fixture
def server(source: MadeUp) -> Iterator[ExplorerServer]:
    with ExplorerServer(source) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(
    server: ExplorerServer,
    path: str,
    method: str = "GET",
    body: bytes | None = None,
    **headers: str,
) -> tuple[int, bytes, http.client.HTTPMessage]:
    """Send a path as it is written."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body=body, headers=given)
    answer = connection.getresponse()
    found = answer.status, answer.read(), answer.headers
    connection.close()
    return found


def raw(server: ExplorerServer, sent: bytes) -> bytes:
    """Send bytes and return what comes back; the server may hang up on what it does not take."""
    found = b""
    with (
        socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as client,
        contextlib.suppress(OSError),
    ):
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        while part := client.recv(65536):
            found += part
    return found


def test_packed_arrays_come_out_as_they_went_in() -> None:
    arrays = {
        "a": np.arange(5, dtype=np.int8),
        "b": np.linspace(0, 1, 7).reshape(7, 1),
        "c": np.arange(6, dtype=">i4").reshape(2, 3),
        "d": np.zeros((0, 3), dtype=np.float32),
    }
    header, columns = unpacked(packed({"words": "Å — ü"}, arrays))
    assert header["words"] == "Å — ü"
    for name, values in arrays.items():
        np.testing.assert_array_equal(columns[name], values)
    with pytest.raises(ValueError, match="JSON"):
        packed({"bad": float("nan")}, {})


def test_the_page_and_its_files_are_served_and_nothing_else_may_run(server: ExplorerServer) -> None:
    status, body, headers = ask(server, "/")
    assert status == 200
    assert body.count(b"<script") == 1
    assert b'<script src="explorer.js">' in body
    status, text, own = ask(server, "/explorer.js")
    assert status == 200
    assert own["Content-Type"].startswith("text/javascript")
    assert text.count(b'"use strict"') == len(SCRIPTS)
    assert ask(server, "/explorer.css")[0] == 200
    assert "script-src 'self'" in headers["Content-Security-Policy"]
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Access-Control-Allow-Origin" not in headers
    status, body, headers = ask(server, "/", "HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["Content-Length"]) > 1000


@pytest.mark.parametrize(
    "path",
    [
        "/../content.py",
        "/../../../../../../../etc/passwd",
        "/..%2f..%2f..%2fetc%2fpasswd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/%252e%252e/etc/passwd",
        "/....//....//etc/passwd",
        "/..\\..\\etc\\passwd",
        "/%5c..%5c..%5cetc%5cpasswd",
        "//etc/passwd",
        "/./../server.py",
        "/page/index.html",
        "/index.html/../../answers.py",
        "/index.html%00.css",
        "/..;/answers.py",
        "/%c0%ae%c0%ae/etc/passwd",
        "/file:///etc/passwd",
        "/api/../index.html",
        "/api/points/../../answers.py",
        "/INDEX.HTML",
        "/run.toml",
    ],
)
def test_no_spelling_leads_out_of_the_page(server: ExplorerServer, path: str) -> None:
    status, body, _ = ask(server, path)
    assert status == 404
    assert b"root:" not in body
    assert b"import" not in body


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "example.org"},
        {"Host": "127.0.0.1.example.org"},
        {"Host": "localhost"},  # another port is another server
        {"Host": "127.0.0.1:1"},
        {"Host": ""},
        {"Origin": "http://example.org"},
        {"Origin": "null"},
    ],
)
def test_other_hosts_and_other_sites_are_refused(
    server: ExplorerServer, headers: dict[str, str]
) -> None:
    assert ask(server, "/api/points", **headers)[0] == 403
    posted = ask(server, "/api/place", "POST", b"x", Content_Type="text/plain", **headers)
    assert posted[0] == 403


def test_own_names_are_taken(server: ExplorerServer) -> None:
    port = server.server_port
    for host in (f"127.0.0.1:{port}", f"LOCALHOST:{port}", f"[::1]:{port}"):
        assert ask(server, "/api/points", Host=host, Origin=f"http://{host}".lower())[0] == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",  # no Host
        b"GET / HTTP/9.9\r\nHost: 127.0.0.1\r\n\r\n",
        b"BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 500 + b"\r\n",
        b"POST /api/place HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"\x00\xff" * 500,
        b"GET http://[::1/ HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_malformed_requests_get_no_page_and_the_next_is_answered(
    server: ExplorerServer, sent: bytes
) -> None:
    assert b" 200 " not in raw(server, sent)
    assert ask(server, "/api/points")[0] == 200


def test_a_url_that_cannot_be_split_is_refused(server: ExplorerServer) -> None:
    host = f"Host: 127.0.0.1:{server.server_port}\r\n\r\n".encode()
    for path in (b"http://[::1/", b"//[", b"/api/band?family=%ff"):
        assert b" 40" in raw(server, b"GET " + path + b" HTTP/1.1\r\n" + host)


def test_points_structures_and_bands_arrive(server: ExplorerServer, source: MadeUp) -> None:
    header, columns = unpacked(ask(server, "/api/points")[1])
    points = source.points()
    assert header["n_points"] == N_POINTS
    np.testing.assert_array_equal(columns["cvs"], points.cvs)
    energy = header["lowest_energy"] + columns["energy"].astype(float)
    np.testing.assert_allclose(energy, points.energy, atol=1e-6)
    header, columns = unpacked(ask(server, "/api/structures?points=7,3")[1])
    assert [item["name"] for item in header["items"]] == ["number 7", "number 3"]
    assert columns["positions"].shape == (2, N_ATOMS, 3)
    assert (columns["positions"][1] == 3).all()
    assert unpacked(ask(server, "/api/band?family=0")[1])[1]["band"].shape == (3, N_BINS)


@pytest.mark.parametrize(
    "question",
    [
        "structures",
        "structures?points=",
        "structures?points=one",
        "structures?points=-1",
        f"structures?points={N_POINTS}",
        "structures?points=99999999999999999999999999",
        "structures?points=" + ",".join(["1"] * (MOST_STRUCTURES + 1)),
        "structures?points=1;2",
        "band?family=7",
        "band?family=0,0",
        "band",
    ],
)
def test_senseless_questions_are_told_so(server: ExplorerServer, question: str) -> None:
    status, body, _ = ask(server, f"/api/{question}")
    assert status == 400
    assert json.loads(body)["error"]


def test_uploads_are_small_texts(server: ExplorerServer) -> None:
    def place(body: bytes, kind: str = "text/plain", **headers: str) -> tuple[int, str]:
        status, answer, _ = ask(server, "/api/place", "POST", body, Content_Type=kind, **headers)
        return status, json.loads(answer)["error"]

    assert place(b"abc") == (409, "3 letters are no structure")
    assert place(b"\x80\x04\x95")[0] == 409
    assert "not text" in place(b"\x80\x04\x95")[1]
    assert place(b"abc", "application/octet-stream")[0] == 415
    assert place(b"abc", "multipart/form-data; boundary=x")[0] == 415
    large = (
        f"POST /api/place HTTP/1.1\r\nHost: 127.0.0.1:{server.server_port}\r\n"
        f"Content-Type: text/plain\r\nContent-Length: {LARGEST_UPLOAD + 1}\r\n\r\n"
    )
    assert b" 413 " in raw(server, large.encode())
    assert b" 411 " in raw(server, large.replace("Content-Length", "Length").encode())
    assert ask(server, "/api/points", "POST", b"x", Content_Type="text/plain")[0] == 404
    assert ask(server, "/api/points", "PUT", b"x")[0] == 501


def test_what_goes_wrong_is_told_and_the_server_lives(
    server: ExplorerServer, source: MadeUp
) -> None:
    source.broken = NanochartError("the landscape is gone")
    status, body, _ = ask(server, "/api/structures?points=1")
    assert (status, json.loads(body)["error"]) == (409, "the landscape is gone")
    source.broken = ZeroDivisionError("a fault")
    status, body, _ = ask(server, "/api/structures?points=1")
    assert status == 500
    assert "a fault" in json.loads(body)["error"]
    source.broken = None
    assert ask(server, "/api/structures?points=1")[0] == 200


def test_a_thousand_requests_at_once_are_all_answered(server: ExplorerServer) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = min(hard, 4096) if hard > 0 else 4096
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, room), hard))
    clients = []
    try:
        for k in range(1000):
            client = socket.create_connection(("127.0.0.1", server.server_port), timeout=30)
            clients.append(client)
            host = f"Host: 127.0.0.1:{server.server_port}\r\n\r\n"
            question = f"GET /api/structures?points={k % N_POINTS} HTTP/1.1\r\n{host}"
            client.sendall(question.encode())
        for k, client in enumerate(clients):
            found = b""
            while part := client.recv(65536):
                found += part
            head, body = found.split(b"\r\n\r\n", 1)
            assert b" 200 " in head.split(b"\r\n")[0]
            assert unpacked(body)[0]["items"][0]["name"] == f"number {k % N_POINTS}"
    finally:
        for client in clients:
            client.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_port_in_use_is_one_line(server: ExplorerServer, source: MadeUp) -> None:
    with pytest.raises(NanochartError, match=f"port {server.server_port}"):
        ExplorerServer(source, port=server.server_port)
