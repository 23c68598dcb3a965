"""Rows 57 to 59: a download is the published file under the name we chose, or a clear error.

Servers are those of this computer. Real addresses must be https; only here http is let through.
"""

import errno
import gzip
import hashlib
import http.server
import logging
import socket
import threading
import time
from urllib.parse import urlsplit

import pytest

from cebra_ethan.datasets import catalogue, check, describe, downloads, fetch, files, sources
from cebra_ethan.datasets.downloads import MAX_ATTEMPTS, download
from cebra_ethan.datasets.sources import Remote
from cebra_ethan.errors import DataIntegrityError, DownloadError, InvalidParameterError

CONTENT = b"spikes of a rat " * 5000
SHA256 = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
NAME = "rat.jl"


class Server(http.server.ThreadingHTTPServer):
    """Answers as `behave` says, and remembers what was asked for."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked, self.behave = [], send
        self.released = threading.Event()

    def url(self, path="/rat.jl"):
        return f"http://127.0.0.1:{self.server_address[1]}{path}"

    def handle_error(self, request, client_address):
        pass  # clients that hang up are what is tested


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        self.server.behave(self)

    def log_message(self, *args):
        pass


def send(handler, content=CONTENT, status=200, length=None, **headers):
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(content) if length is None else length))
    for key, value in headers.items():
        handler.send_header(key.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(content)


def sending(**options):
    return lambda handler: send(handler, **options)


def redirecting(target):
    def behave(handler):
        handler.send_response(302)
        handler.send_header("Location", target)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return behave


def stalling(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(CONTENT)))
    handler.end_headers()
    handler.wfile.write(CONTENT[:1000])
    handler.wfile.flush()
    handler.server.released.wait(20)


def hanging_up(handler):
    send(handler, CONTENT[:1000], length=len(CONTENT))
    handler.connection.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(downloads, "PAUSE_S", 0.0)
    one = Server()
    thread = threading.Thread(target=one.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield one
    one.released.set()
    one.shutdown()
    one.server_close()
    thread.join()


def attempt(server, path, *, url=None, digest=SHA256, **options):
    remote = Remote(url=url or server.url(), digest=digest)
    return download(remote, path, progress=False, **options)


def left(folder):
    return sorted(path.name for path in folder.rglob("*"))


def test_row57_the_published_file_arrives(server, tmp_path, capsys):
    path = tmp_path / "deep" / NAME
    assert attempt(server, path) == path
    assert path.read_bytes() == CONTENT
    assert left(path.parent) == [NAME]
    assert attempt(server, path) == path  # it is there and right: nothing is asked
    assert server.asked == ["/rat.jl"]
    download(Remote(url=server.url(), digest=SHA256), tmp_path / "other", progress=True)
    assert "100%" in capsys.readouterr().err


def test_row57_wrong_checksum(server, tmp_path):
    server.behave = sending(content=b"another file")
    got = hashlib.sha256(b"another file").hexdigest()
    path = tmp_path / NAME
    with pytest.raises(DataIntegrityError) as failure:
        attempt(server, path)
    for text in (server.url(), SHA256, got):
        assert text in str(failure.value)
    assert left(tmp_path) == []
    assert len(server.asked) == 1


def test_row57_a_damaged_file_is_replaced_only_by_a_right_one(server, tmp_path):
    path = tmp_path / NAME
    path.write_bytes(b"old")
    server.behave = sending(content=b"another file")
    with pytest.raises(DataIntegrityError, match="sent another"):
        attempt(server, path)
    assert path.read_bytes() == b"old"
    server.behave = send
    attempt(server, path)
    assert path.read_bytes() == CONTENT


def test_row57_without_checksum_one_must_say_so(server, tmp_path, caplog):
    with pytest.raises(InvalidParameterError, match=r"has none. Pass allow_unverified=True"):
        attempt(server, tmp_path / NAME, digest=None)
    assert server.asked == []
    attempt(server, tmp_path / NAME, digest=None, allow_unverified=True)
    assert f"not verified; its SHA-256 is {SHA256.partition(':')[2]}" in caplog.text


@pytest.mark.parametrize("wrong", ["", "packed", "unfolded", "bomb"])
def test_row57_compressed_files_are_checked_twice(wrong, server, tmp_path):
    content = bytes(30_000_000) if wrong == "bomb" else CONTENT
    packed = gzip.compress(content)
    digests = {
        "packed": hashlib.md5(packed).hexdigest(),
        "unfolded": hashlib.md5(content).hexdigest(),
    }
    if wrong in digests:
        digests[wrong] = "0" * 32
    # a server may call it an encoding: the checksum is of what was sent
    server.behave = sending(content=packed, Content_Encoding="gzip")
    remote = Remote(
        url=server.url(),
        digest=f"md5:{digests['unfolded']}",
        packed_digest=f"md5:{digests['packed']}",
        packed="gzip",
    )
    if not wrong:
        download(remote, tmp_path / NAME, progress=False)
        assert (tmp_path / NAME).read_bytes() == content
        assert left(tmp_path) == [NAME]
        return
    with pytest.raises(
        DataIntegrityError, match=r"200 times its size" if wrong == "bomb" else "0{32}"
    ):
        download(remote, tmp_path / NAME, progress=False)
    assert left(tmp_path) == []


BROKEN = {
    "cut off": (hanging_up, "failed 3 times"),
    "too short": (sending(content=CONTENT[:100], length=200), "failed 3 times"),
    "stalled": (stalling, r"failed 3 times.*no answer for 0\.2 s"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_row58_broken_connections_are_tried_three_times(case, server, tmp_path):
    server.behave, message = BROKEN[case]
    started = time.monotonic()
    with pytest.raises(DownloadError, match=message) as failure:
        attempt(server, tmp_path / NAME, timeout_s=0.2)
    assert server.url() in str(failure.value)
    assert len(server.asked) == MAX_ATTEMPTS == 3
    assert left(tmp_path) == []
    assert time.monotonic() - started < 10


def test_row58_a_connection_that_heals(server, tmp_path, caplog):
    def behave(handler):
        (hanging_up if len(server.asked) < 3 else send)(handler)

    server.behave = behave
    with caplog.at_level(logging.WARNING):
        attempt(server, tmp_path / NAME)
    assert (tmp_path / NAME).read_bytes() == CONTENT
    assert caplog.text.count("trying again") == 2


@pytest.mark.parametrize("status", [204, 206, 403, 404, 500, 503])
def test_row58_what_a_server_answers_is_said_and_not_repeated(status, server, tmp_path):
    content = b"" if status == 204 else CONTENT
    server.behave = sending(status=status, content=content)
    with pytest.raises(DownloadError, match=rf"{server.url()} answered {status}"):
        attempt(server, tmp_path / NAME)
    assert len(server.asked) == 1
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    "target",
    ["file:///etc/passwd", "http://example.org/rat.jl", "ftp://127.0.0.1/x", "gopher://x/"],
)
def test_row58_redirects_to_anything_but_https_are_refused(target, server, tmp_path):
    server.behave = redirecting(target)
    with pytest.raises(DownloadError, match="must come from https") as failure:
        attempt(server, tmp_path / NAME)
    assert server.url() in str(failure.value)
    assert target.partition(":")[0] in str(failure.value)
    assert left(tmp_path) == []


def test_row58_redirects_to_another_port_of_this_computer_are_refused(server, tmp_path):
    server.behave = redirecting("http://127.0.0.1:1/rat.jl")
    with pytest.raises(DownloadError, match="must come from https"):
        attempt(server, tmp_path / NAME)


def test_row58_redirects_may_lead_on_but_not_for_ever(server, tmp_path):
    def once(handler):
        (redirecting("/there") if handler.path == "/rat.jl" else send)(handler)

    server.behave = once
    attempt(server, tmp_path / NAME)
    assert server.asked == ["/rat.jl", "/there"]
    server.behave = redirecting("/again")
    with pytest.raises(DownloadError, match="lead elsewhere 5 times"):
        attempt(server, tmp_path / "other")


@pytest.mark.parametrize(
    "url",
    ["http://example.org/a", "ftp://example.org/a", "file:///etc/passwd", "rat.jl", "http:///a"],
)
def test_row58_addresses_must_be_https(url, tmp_path):
    with pytest.raises(DownloadError, match=r"must come from https \(or from this computer\)"):
        attempt(None, tmp_path / NAME, url=url)
    assert left(tmp_path) == []


def test_row58_no_network(tmp_path, monkeypatch):
    def unknown(host, *args, **options):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    for key in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(key, raising=False)
    url = "https://no.such.host.invalid/rat.jl"
    with pytest.raises(
        DownloadError, match=r"needs the network; no address is found for no\.such"
    ):
        attempt(None, tmp_path / NAME, url=url)
    assert left(tmp_path) == []


def test_row58_nobody_listens(tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "PAUSE_S", 0.0)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but it does not listen
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/rat.jl"
        with pytest.raises(DownloadError, match="failed 3 times"):
            attempt(None, tmp_path / NAME, url=url)
    assert left(tmp_path) == []


def test_row58_a_server_without_certificate(server, tmp_path, monkeypatch):
    for key in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(key, raising=False)
    url = server.url().replace("http://", "https://")
    with pytest.raises(DownloadError, match=r"must prove who it is|failed 3 times"):
        attempt(server, tmp_path / NAME, url=url)
    assert left(tmp_path) == []


def test_row58_a_full_disk(server, tmp_path, monkeypatch):
    server.behave = sending(content=b"x", length=10**15)
    with pytest.raises(OSError, match="No space left for a download") as failure:
        attempt(server, tmp_path / NAME)
    assert failure.value.errno == errno.ENOSPC
    assert left(tmp_path) == []


def test_row58_a_disk_that_fills_up(server, tmp_path, monkeypatch):
    real = open

    class Full:
        def __init__(self, *args):
            self.file = real(*args)

        def __enter__(self):
            return self

        def __exit__(self, *error):
            self.file.close()

        def write(self, chunk):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(downloads, "open", Full, raising=False)
    with pytest.raises(OSError, match="No space left on device"):
        attempt(server, tmp_path / NAME)
    assert left(tmp_path) == []


def test_row58_a_server_that_never_ends(server, tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "MAX_BYTES", 10_000)
    with pytest.raises(DownloadError, match="has sent over 10,000 bytes"):
        attempt(server, tmp_path / NAME)
    assert left(tmp_path) == []


def test_row58_an_interrupt_leaves_nothing(server, tmp_path, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(downloads, "_check_answer", interrupted)
    with pytest.raises(KeyboardInterrupt):
        attempt(server, tmp_path / NAME)
    assert left(tmp_path) == []


@pytest.mark.parametrize("name", ["../../evil.jl", "/etc/evil.jl", "evil.jl"])
def test_row59_the_name_is_ours(name, server, tmp_path):
    server.behave = sending(Content_Disposition=f'attachment; filename="{name}"')
    folder = tmp_path / "deep" / "down"
    attempt(server, folder / NAME)
    assert left(tmp_path) == ["deep", "down", NAME]


@pytest.fixture
def table(server, tmp_path, monkeypatch):
    """A published rat that lies on the server of this computer."""
    relative = "rat_hippocampus/gatsby.jl"
    remote = Remote(url=server.url(), digest=SHA256)
    rows = {**sources.REMOTE, relative: remote}
    for module in (catalogue, files):
        monkeypatch.setattr(module, "REMOTE", rows)
    return tmp_path / "data", relative


def test_fetch_describe_and_check(table, monkeypatch):
    root, relative = table
    before = describe("rat-gatsby", root)
    assert not before.on_disk
    assert before.can_be_fetched
    assert "0 of 1" in str(before)
    assert "fetch('rat-gatsby')" in str(before)
    assert fetch("rat-gatsby", root, progress=False) == [root / relative]
    assert describe("rat-gatsby", root).on_disk
    assert check("rat-gatsby", root) == {relative: "ok"}
    (root / relative).write_bytes(b"x")
    assert check("rat-gatsby", root) == {relative: "damaged"}
    fetch("rat-gatsby", root, progress=False)
    assert check("rat-gatsby", root) == {relative: "ok"}
    (root / relative).unlink()
    assert check("rat-gatsby", root) == {relative: "missing"}
    monkeypatch.setenv(files.DATA_VARIABLE, str(root))
    assert fetch("rat-gatsby", progress=False) == [root / relative]


def test_what_cannot_be_fetched(table, monkeypatch):
    root, _ = table
    monkeypatch.delenv(files.DATA_VARIABLE, raising=False)
    for name, options, message in (
        ("rat-simulated", {}, r"is simulated. Use load_dataset\('rat-simulated'\)"),
        ("cat", {}, "name must be one of .*got 'cat'"),
        ("rat-gatsby", {"root": None}, "CEBRA_ETHAN_DATA is not set. Pass root="),
        ("rat-gatsby", {"files": ["../x"]}, r"must be of rat_hippocampus/gatsby.jl; got \.\./x"),
        ("dandi-000044", {}, r"has none \(8.7 GB.*allow_unverified"),
    ):
        with pytest.raises(InvalidParameterError, match=message):
            fetch(name, **{"root": root, "progress": False, **options})
    with pytest.raises(
        DownloadError, match=r"none is known for rat_hippocampus/achilles.npz. Copy"
    ):
        fetch("rat-achilles", root)
    with pytest.raises(DownloadError, match=r"none is known for crcns_hc11.*account"):
        fetch("hc11", root)


def test_every_address_is_https_and_every_published_file_has_a_checksum():
    for path, remote in sources.REMOTE.items():
        assert urlsplit(remote.url).scheme == "https"
        assert not path.startswith(("/", "."))
        unknown = remote.digest is None
        assert unknown == path.startswith("dandi")
        assert unknown or remote.packed_digest
