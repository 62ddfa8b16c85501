"""The files of a published site: what is given, what is refused, and that nothing but the folder ever is."""

import errno
import hashlib
import os
import re
import socket
import ssl
import subprocess
import threading
import time

import pytest

from lab import seccomp
from lab.fairlead import BINARY, sanitized
from lab.processes import free_port, wait_until
from lab.wire import Closed, Wire
from test_tls_listener import make_certificate

SECRET = b"this must never be seen"
MEGABYTE = 1 << 20
LONG_AGO = 784111777


class Site:
    """A published folder `root`, beside it what must not be reached, and a proxy that serves it."""

    def __init__(self, fairlead, lab, directory, more, **pieces):
        self.folder = lab.folder(f"site{lab.number('site')}")
        self.root = lab.folder(os.path.basename(self.folder) + "/root")
        self.port, self.tls_port = free_port(), free_port()
        self.key, self.certificate = make_certificate(self.folder, "site", "www.lab.test")
        self.write("../secret", SECRET)
        self.settings = f"""site "www.lab.test" {{
    listen = {{"http://127.0.0.1:{self.port}", "https://127.0.0.1:{self.tls_port}"}}
    tls {{ certificate = "{self.certificate}"  key = "{self.key}" }}
    sign-on = {{anonymous}}
    directory "/" {{ files = "{self.root}"  {directory} }}
    directory "/pub/" {{ files = "{self.root}" }}
}}
{more}
"""
        self.make = lambda: fairlead(more=self.settings, **pieces)
        self.fairlead = None

    def start(self):
        self.fairlead = self.make()
        return self

    def path(self, name):
        return os.path.join(self.root, name)

    def write(self, name, content, age=True):
        """`age`: long ago, so that it has an entity tag at once."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(content)
        if age:
            os.utime(path, ns=(LONG_AGO * 10**9 + 5, LONG_AGO * 10**9 + 5))
        return path

    def connect(self, tls=False, seconds=10.0):
        sock = socket.create_connection(("127.0.0.1", self.tls_port if tls else self.port), seconds)
        if tls:
            context = ssl.create_default_context(cafile=self.certificate)
            sock = context.wrap_socket(sock, server_hostname="www.lab.test")
        return Wire(sock, seconds)

    def ask(self, path, fields="", method="GET", tls=False, version="1.1"):
        with self.connect(tls) as c:
            return c.ask(f"{method} {path} HTTP/{version}\r\nHost: www.lab.test\r\n{fields}\r\n")


@pytest.fixture
def site(fairlead, lab):
    def make(start=True, directory="", more="", **pieces):
        made = Site(fairlead, lab, directory, more, **pieces)
        return made.start() if start else made
    return make


def parts_of(answer):
    """The parts of a multipart/byteranges answer: (Content-Range, bytes)."""
    boundary = re.fullmatch(r"multipart/byteranges; boundary=(\w+)", answer.get("Content-Type")).group(1).encode()
    pieces = answer.body.split(b"\r\n--" + boundary)
    assert pieces[0] == b"" and pieces[-1] == b"--\r\n"
    found = []
    for piece in pieces[1:-1]:
        head, content = piece[2:].split(b"\r\n\r\n", 1)
        found.append((re.search(rb"Content-Range: bytes (\S+)", head).group(1).decode(), content))
    return found


@pytest.mark.parametrize("tls", [False, True])
def test_a_file_is_given_with_its_validators_on_a_connection_that_stays(site, tls):
    s = site()
    small, large = os.urandom(1000), os.urandom(300_000)
    s.write("small.txt", small)
    s.write("large.bin", large)
    s.write("empty.css", b"")
    with s.connect(tls) as c:
        for name, content, media in (("small.txt", small, "text/plain; charset=utf-8"),
                                     ("large.bin", large, "application/octet-stream"),
                                     ("empty.css", b"", "text/css; charset=utf-8")) * 2:
            answer = c.ask(f"GET /{name} HTTP/1.1\r\nHost: www.lab.test\r\n\r\n")
            assert (answer.status, answer.body == content, answer.get("Content-Type")) == (200, True, media)
            assert answer.get("X-Content-Type-Options") == "nosniff" and answer.get("Accept-Ranges") == "bytes"
            assert answer.get("Last-Modified") == "Sun, 06 Nov 1994 08:49:37 GMT"
            head = c.ask(f"HEAD /{name} HTTP/1.1\r\nHost: www.lab.test\r\n\r\n")
            assert (head.status, head.get("Content-Length")) == (200, str(len(content)))
            same = c.ask(f"GET /{name} HTTP/1.1\r\nHost: www.lab.test\r\nIf-None-Match: {answer.get('ETag')}\r\n\r\n")
            assert (same.status, same.body, same.get("ETag")) == (304, b"", answer.get("ETag"))
    assert s.ask("/small.txt", version="1.0").body == small


def test_requests_that_come_together_are_answered_in_order(site):
    s = site()
    names = [f"f{i}" for i in range(12)]
    for i, name in enumerate(names):
        s.write(name, name.encode() * (1 if i % 2 else 9000))
    with s.connect() as c:
        c.send("".join(f"GET /{name} HTTP/1.1\r\nHost: www.lab.test\r\n\r\n" for name in names))
        for i, name in enumerate(names):
            assert c.response().body == name.encode() * (1 if i % 2 else 9000)


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("size", [1000, 200_000])
def test_ranges(site, tls, size):
    s = site()
    content = os.urandom(size)
    s.write("x.bin", content)
    with s.connect(tls) as c:
        def ask(fields):
            return c.ask(f"GET /x.bin HTTP/1.1\r\nHost: www.lab.test\r\n{fields}\r\n")
        whole = ask("")
        for text, begin, end in (("0-0", 0, 1), ("10-19", 10, 20), (f"{size - 5}-", size - 5, size), ("-7", size - 7, size),
                                 (f"500-{size * 2}", 500, size)):
            answer = ask(f"Range: bytes={text}\r\n")
            assert (answer.status, answer.body == content[begin:end]) == (206, True)
            assert answer.get("Content-Range") == f"bytes {begin}-{end - 1}/{size}"
        several = ask(f"Range: bytes=0-9, 600-699, -20, {size * 3}-\r\n")
        assert several.status == 206 and parts_of(several) == [
            (f"0-9/{size}", content[:10]), (f"600-699/{size}", content[600:700]), (f"{size - 20}-{size - 1}/{size}", content[-20:])]
        nowhere = ask(f"Range: bytes={size}-\r\n")
        assert (nowhere.status, nowhere.get("Content-Range")) == (416, f"bytes */{size}")
        for fields in ("Range: bytes=0-10,5-20\r\n", "Range: lines=1-2\r\n", 'Range: bytes=0-9\r\nIf-Range: "other"\r\n',
                       "Range: bytes=" + ",".join(f"{i * 9}-{i * 9}" for i in range(17)) + "\r\n"):
            answer = ask(fields)
            assert (answer.status, answer.body == content) == (200, True)
        assert ask(f"Range: bytes=0-9\r\nIf-Range: {whole.get('ETag')}\r\n").status == 206


def test_conditions(site):
    s = site()
    s.write("x.txt", b"content")
    tag = s.ask("/x.txt").get("ETag")
    for fields, status in ((f"If-Match: {tag}", 200), ('If-Match: "x"', 412), ("If-Match: *", 200), ("If-None-Match: *", 304),
                           (f'If-None-Match: "x", W/{tag}', 304), ("If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT", 304),
                           ("If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT", 200),
                           ("If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT", 412),
                           (f'If-None-Match: "x"\r\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT', 200)):
        assert s.ask("/x.txt", fields + "\r\n").status == status, fields
    s.write("x.txt", b"changed", age=False)
    wait_until(lambda: s.ask("/x.txt").body == b"changed", "the new content", 3)
    assert s.ask("/x.txt", f"If-None-Match: {tag}\r\n").status == 200


def test_what_is_no_file_to_be_given(site):
    s = site()
    s.write("sub/index.html", b"<p>page")
    s.write(".git/config", SECRET)
    s.write(".well-known/security.txt", b"contact")
    os.mkdir(s.path("bare"))
    assert s.ask("/sub/").body == b"<p>page"
    assert s.ask("/.well-known/security.txt").body == b"contact"
    for path, location in (("/sub", "sub/"), ("/sub?a=b&c=/d", "sub/?a=b&c=/d"), ("/pub", "pub/"), ("/pub/sub?x", "sub/?x"),
                           ("//sub", None), ("//evil.example/..//sub", None)):
        answer = s.ask(path)
        assert answer.status in ((301,) if location else (301, 400, 404)), path
        if answer.status == 301:
            assert answer.get("Location") == (location or "sub/"), path
    expected = [("GET", "/bare/", 403, 14), ("GET", "/none", 404, 0), ("GET", "/sub/index.html/", 404, 0), ("GET", "/.git/config", 404, 8),
                ("GET", "/pub/.git/config", 404, 8), ("POST", "/sub/", 405, 0), ("DELETE", "/sub/index.html", 405, 0)]
    for method, path, status, _ in expected:
        answer = s.ask(path, method=method, fields="Content-Length: 0\r\n" if method == "POST" else "")
        assert answer.status == status and SECRET not in answer.body, path
        if status == 405:
            assert answer.get("Allow") == "GET, HEAD, OPTIONS"
    options = s.ask("/sub/", method="OPTIONS")
    assert (options.status, options.get("Allow"), options.body) == (200, "GET, HEAD, OPTIONS", b"")
    wanted = {(method, status, substatus) for method, _, status, substatus in expected}
    wait_until(lambda: wanted <= {(r["cs-method"], int(r["sc-status"]), int(r["sc-substatus"])) for r in s.fairlead.log(0)}, f"{wanted} in the log")


WAYS_OUT = [
    "/../secret", "/%2e%2e/secret", "/.%2e/secret", "/%2E%2E%2Fsecret", "/..%2fsecret", "/sub/../../secret", "/sub/%2e%2e/%2e%2e/secret",
    "/..\\secret", "/..%5csecret", "/%5c..%5csecret", "//../secret", "/./../secret", "/sub/..;/../secret", "/..;x=y/secret",
    "/%252e%252e/secret", "/%c0%ae%c0%ae/secret", "/%e0%80%ae%e0%80%ae/secret", "/..%00/secret", "/sub%00/../../secret",
    "/pub/../../secret", "/pub/%2e%2e/../secret", "/pub../secret", "/pub..%2fsecret", "/%uff0e%uff0e/secret", "/．．/secret",
    "/sub/.../secret", "/....//secret", "/..", "/%2e%2e", "/out-up", "/out-folder/secret", "/out-absolute", "/out-root/etc/hostname",
    "/out-proc/self/environ", "/sub/out-deep", "/out-folder/", "/out-folder", "/?/../secret", "/x?/../../secret",
]


@pytest.mark.parametrize("tls", [False, True])
def test_nothing_outside_the_folder_is_ever_given(site, tls):
    s = site(start=False)
    s.write("sub/x", b"x")
    for name, to in (("out-up", "../secret"), ("out-folder", ".."), ("out-absolute", f"{s.folder}/secret"), ("out-root", "/"),
                     ("out-proc", "/proc"), ("sub/out-deep", "../../secret"), ("loop", "loop"), ("in", "sub/x"), ("self", s.path("sub/x"))):
        os.symlink(to, s.path(name))
    s.start()
    hostname = socket.gethostname().encode()
    for way in WAYS_OUT:
        for target in (way, f"http://www.lab.test{way}"):
            with s.connect(tls) as c:
                c.send(f"GET {target} HTTP/1.1\r\nHost: www.lab.test\r\nConnection: close\r\n\r\n".encode())
                answer = c.response()
            assert answer.status in (301, 400, 403, 404), (target, answer.status)
            assert SECRET not in answer.body and hostname + b"\n" != answer.body, target
    assert s.ask("/in").body == b"x"  # a link that stays beneath
    assert s.ask("/loop").status == 404 and s.ask("/self").status == 404


def test_symbolic_links_can_be_refused(site):
    s = site(start=False, directory="symlinks = refused")
    s.write("sub/x", b"x")
    os.symlink("sub/x", s.path("in"))
    os.symlink("sub", s.path("folder"))
    s.start()
    assert [s.ask(p).status for p in ("/sub/x", "/in", "/folder/x", "/folder/")] == [200, 404, 404, 404]
    assert s.ask("/pub/in").status == 404  # said of the directory above


def test_what_is_no_regular_file_is_not_there_and_holds_nobody(site):
    s = site()
    os.mkfifo(s.path("fifo"))
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(s.path("socket"))
        names = ["fifo", "socket"]
        if os.geteuid() == 0:
            os.mknod(s.path("zero"), 0o666 | 0o020000, os.makedev(1, 5))
            names.append("zero")
        for name in names:
            began = time.monotonic()
            assert s.ask(f"/{name}").status == 404, name
            assert time.monotonic() - began < 3


def test_a_file_that_may_not_be_read(site):
    # Root is like others without these two.
    s = site(prefix=["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else [])
    os.chmod(s.write("closed", SECRET), 0)
    os.chmod(os.path.dirname(s.write("shut/x", SECRET)), 0)
    for name in ("closed", "shut/x"):
        answer = s.ask(f"/{name}")
        assert answer.status == 403 and SECRET not in answer.body
    assert {(r["sc-status"], r["sc-substatus"]) for r in s.fairlead.log(2)} == {("403", "2")}


@pytest.mark.parametrize("tls", [False, True])
def test_a_gigabyte_takes_little_memory(site, tls):
    s = site()
    size, marks = 1 << 30, [0, 123_456_789, (1 << 30) - 23]
    with open(s.path("big.iso"), "wb") as f:
        f.truncate(size)
        for at in marks:
            f.seek(at)
            f.write(b"here is byte %010d" % at)
    with s.connect(tls, 60) as c:
        c.send("GET /big.iso HTTP/1.1\r\nHost: www.lab.test\r\n\r\n")
        head = c._head()
        assert head[0].split()[1] == "200" and ("Content-Length", str(size)) in head[1]
        before = s.fairlead.memory()
        got, most, window = 0, 0, b""
        piece, c.buffer = c.buffer, b""
        seen = []
        while True:
            base = got - len(window)
            window += piece
            got += len(piece)
            for at in marks:
                if base <= at and at + 23 <= got and at not in seen and window[at - base:at - base + 23] == b"here is byte %010d" % at:
                    seen.append(at)
            window = window[-64:]
            most = max(most, s.fairlead.memory()) if got % (64 * MEGABYTE) < len(piece) else most
            if got >= size:
                break
            piece = c.sock.recv(MEGABYTE)
            assert piece
    assert got == size and seen == marks
    assert sanitized() or most - before < 4 * MEGABYTE
    part = s.ask("/big.iso", f"Range: bytes={marks[2]}-\r\n", tls=tls)
    assert (part.status, part.body) == (206, b"here is byte %010d" % marks[2])


@pytest.mark.parametrize("size", [3000, 300_000])
def test_a_file_replaced_under_load_is_old_or_new_and_never_both(site, size):
    """Every version is one letter throughout, of a length of its own, with a tag of its own."""
    s = site()
    stop, failures, tags, seen = threading.Event(), [], {}, set()

    def replace(version):
        letter = b"abcdefghijklmnopqrstuvwxyz"[version % 26:version % 26 + 1]
        s.write("next", letter * (size + version), age=False)
        os.rename(s.path("next"), s.path("x.bin"))
        return letter, size + version

    def read():
        try:
            with s.connect() as c:
                while not stop.is_set():
                    answer = c.ask("GET /x.bin HTTP/1.1\r\nHost: www.lab.test\r\n\r\n")
                    assert answer.status == 200 and answer.body == answer.body[:1] * len(answer.body)
                    assert len(answer.body) % 26 == (size + answer.body[0] - 97) % 26
                    seen.add(len(answer.body))
                    if answer.get("ETag"):
                        assert tags.setdefault(answer.get("ETag"), len(answer.body)) == len(answer.body)
        except Exception as e:  # shown by the test
            failures.append(e)

    replace(0)
    readers = [threading.Thread(target=read) for _ in range(6)]
    for r in readers:
        r.start()
    began, version = time.monotonic(), 0
    while time.monotonic() - began < 6 and not failures:
        version += 1
        last = replace(version)
        time.sleep(0.05)
    replaced = time.monotonic()
    wait_until(lambda: len(s.ask("/x.bin").body) == last[1], "the last version", 5)
    assert sanitized() or time.monotonic() - replaced < 2
    stop.set()
    for r in readers:
        r.join()
    assert not failures, failures
    assert len(seen) > 3


def test_a_file_cut_short_while_it_is_sent_cuts_the_connection(site):
    s = site()
    s.write("x.bin", b"x" * (40 * MEGABYTE))
    with s.connect() as c:
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        c.send("GET /x.bin HTTP/1.1\r\nHost: www.lab.test\r\n\r\n")
        c.until(b"\r\n\r\n")
        os.truncate(s.path("x.bin"), 1000)
        with pytest.raises(Closed):
            c.read(40 * MEGABYTE)
    wait_until(lambda: any("site-file-changed" in str(r) for r in s.fairlead.log(0)), "the log's line")
    assert s.ask("/x.bin").body == b"x" * 1000


def test_a_folder_whose_link_is_turned_is_the_new_one(site):
    s = site(start=False)
    s.write("releases/1/v", b"one")
    s.write("releases/2/v", b"two")
    os.symlink("releases/1", s.path("current"))
    s.settings = s.settings.replace(f'"/pub/" {{ files = "{s.root}"', f'"/pub/" {{ files = "{s.root}/current"')
    s.start()
    assert s.ask("/pub/v").body == b"one"
    os.symlink("releases/2", s.path("turn"))
    os.rename(s.path("turn"), s.path("current"))
    wait_until(lambda: s.ask("/pub/v").body == b"two", "the other release", 3)


def test_what_is_kept_has_a_ceiling_and_is_given_up(site):
    s = site(more="limits { files-kept = 20  file-in-memory = 1KB }")
    for i in range(60):
        s.write(f"f{i}", b"y" * 5000)
    before = s.fairlead.descriptors()
    with s.connect() as c:
        for i in range(60):
            assert len(c.ask(f"GET /f{i} HTTP/1.1\r\nHost: www.lab.test\r\n\r\n").body) == 5000
        assert s.fairlead.metric("files_kept") <= 20
        assert s.fairlead.descriptors() - before <= 20 + 8
    s.fairlead.wait_metric("files_kept", lambda n: n == 0, 12)
    wait_until(lambda: s.fairlead.descriptors() <= before + 4, "the descriptors to be closed")


def test_a_second_request_opens_nothing(site):
    s = site()
    s.write("x.txt", b"x")
    with s.connect() as c:
        def ask():
            return c.ask("GET /x.txt HTTP/1.1\r\nHost: www.lab.test\r\n\r\n").body
        assert ask() == b"x"
        before = s.fairlead.metric("file_opens_total")
        began = time.monotonic()
        for _ in range(200):
            assert ask() == b"x"
        assert s.fairlead.metric("file_opens_total") - before <= 2 + (time.monotonic() - began)


def test_a_file_that_is_not_in_memory_is_read_by_a_thread(site):
    s = site()
    for name, size in (("small", 5000), ("large", 500_000)):
        content = os.urandom(size)
        path = s.write(name, content)
        with open(path, "rb") as f:
            os.fsync(f.fileno())
            os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        if subprocess.run(["fincore", "-nbo", "res", path], capture_output=True, check=True).stdout.strip() != b"0":
            pytest.skip("this file system keeps files in memory whatever it is told")
        waited = "file_opens_waited_total" if name == "small" else "file_read_aheads_total"
        before = s.fairlead.metric(waited)
        assert hashlib.sha256(s.ask(f"/{name}").body).digest() == hashlib.sha256(content).digest()
        assert s.fairlead.metric(waited) > before


def test_where_openat2_is_refused_it_is_said_at_once(site):
    s = site(start=False)
    file = f"{s.folder}/x.conf"
    with open(file, "w") as f:
        f.write(s.settings)
    for command in ("check", "serve"):
        done = subprocess.run([BINARY, command, "-c", file], capture_output=True, text=True, timeout=20,
                              preexec_fn=seccomp.without(seccomp.OPENAT2, errno.EPERM))
        assert done.returncode == 1 and "openat2" in done.stdout + done.stderr, command
    assert subprocess.run([BINARY, "check", "-c", file], capture_output=True, timeout=20).returncode == 0


def test_curl_resumes_and_asks_by_date(site, tmp_path):
    s = site()
    content = os.urandom(3 * MEGABYTE)
    s.write("x.bin", content)
    copy = tmp_path / "copy"
    copy.write_bytes(content[:1_234_567])
    options = ["curl", "-sS", "--max-time", "20", "--resolve", f"www.lab.test:{s.port}:127.0.0.1"]
    url = f"http://www.lab.test:{s.port}/x.bin"
    subprocess.run([*options, "-C", "-", "-o", str(copy), url], check=True)
    assert copy.read_bytes() == content
    asked = subprocess.run([*options, "-z", "Sun, 06 Nov 1994 08:49:37 GMT", "-w", "%{http_code}", url], capture_output=True)
    assert asked.stdout == b"304"


def test_what_only_some_may_see_is_for_no_shared_cache(site, lab):
    accounts = f"{lab.folder('accounts-of-files')}/accounts"
    subprocess.run([BINARY, "account", "add", "alice", "--file", accounts], input=b"Secret1\n", check=True, capture_output=True)
    s = site(directory="sign-on = {ntlm, basic}  accounts = {local}", more=f'accounts local {{ file = "{accounts}" }}', start=False)
    s.settings = s.settings.replace('directory "/pub/" {', 'directory "/pub/" { sign-on = {anonymous}')
    s.write("x.txt", b"mine")
    s.start()
    alice = "Authorization: Basic YWxpY2U6U2VjcmV0MQ==\r\n"
    assert s.ask("/x.txt", tls=True).status == 401
    assert s.ask("/x.txt", alice).status == 401  # not in clear text
    answer = s.ask("/x.txt", alice, tls=True)
    assert (answer.status, answer.body, answer.get("Cache-Control")) == (200, b"mine", "private")
    assert s.ask("/x.txt", alice + f"If-None-Match: {answer.get('ETag')}\r\n", tls=True).get("Cache-Control") == "private"
    assert s.ask("/pub/x.txt").get("Cache-Control") is None


def test_a_folder_that_goes_away_is_the_servers_fault_until_it_is_back(site):
    s = site()
    s.write("x.txt", b"x")
    assert s.ask("/x.txt").status == 200
    os.rename(s.root, s.root + ".away")
    wait_until(lambda: s.ask("/x.txt").status == 500, "the folder to be missed", 3)
    assert s.ask("/none").status == 500
    os.rename(s.root + ".away", s.root)
    wait_until(lambda: s.ask("/x.txt").status == 200, "the folder to be back", 3)
    assert any("the folder is not there" in str(row).replace("+", " ") for row in s.fairlead.log(3))
