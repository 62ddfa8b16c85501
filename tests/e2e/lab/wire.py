"""Both ends of an HTTP conversation byte by byte: a client connection, and an origin that follows a script."""

import collections
import re
import socket
import struct
import threading
import time

Message = collections.namedtuple("Message", "start fields body")


class Response(Message):
    @property
    def status(self):
        return int(self.start.split(" ")[1])

    @property
    def reason(self):
        return (self.start.split(" ", 2) + [""])[2]

    @property
    def version(self):
        return self.start.split(" ")[0]

    @property
    def closes(self):
        """It says that its connection ends after it."""
        return "close" in [option.strip().lower() for option in (self.get("Connection") or "").split(",")]

    def all(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def get(self, name):
        values = self.all(name)
        return ", ".join(values) if values else None


class Request(Message):
    method = property(lambda self: self.start.split(" ")[0])
    uri = property(lambda self: self.start.split(" ")[1])
    all = Response.all
    get = Response.get


class Closed(Exception):
    """The other side ended the connection where a message was awaited; args[0] is what had come."""


def _fields(lines):
    return [(k, v.strip()) for k, _, v in (line.partition(":") for line in lines)]


class Wire:
    """A socket with a reader's buffer. Every wait has a limit, so that nothing can hang a test."""

    def __init__(self, sock, seconds=10.0):
        self.sock, self.buffer = sock, b""
        sock.settimeout(seconds)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    # Sending
    def send(self, data):
        self.sock.sendall(data.encode("latin-1") if isinstance(data, str) else data)
        return self

    def drip(self, data, seconds=1.0):
        for i in range(len(data)):
            self.send(data[i:i + 1])
            time.sleep(seconds)

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)

    def close(self):
        self.sock.close()

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    # Reading
    def _more(self):
        try:
            piece = self.sock.recv(65536)
        except ConnectionResetError:
            piece = b""
        if not piece:
            raise Closed(self.buffer)
        self.buffer += piece

    def read(self, n):
        while len(self.buffer) < n:
            self._more()
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data

    def until(self, mark):
        at = 0
        while (end := self.buffer.find(mark, at)) < 0:
            at = max(0, len(self.buffer) - len(mark))
            self._more()
        end += len(mark)
        data, self.buffer = self.buffer[:end], self.buffer[end:]
        return data

    def rest(self):
        """All until the other side closes."""
        try:
            while True:
                self._more()
        except Closed:
            data, self.buffer = self.buffer, b""
            return data

    def closed(self, seconds=5.0):
        """True when the other side closes within the time, with nothing sent before."""
        self.sock.settimeout(seconds)
        try:
            self._more()
        except Closed:
            return self.buffer == b""
        except socket.timeout:
            return False
        return False

    def silent(self, seconds):
        """True when nothing comes, not even an end."""
        self.sock.settimeout(seconds)
        try:
            self._more()
        except socket.timeout:
            return True
        except Closed:
            return False
        return False

    def chunked(self, trailers=None):
        body = b""
        while True:
            size = int(self.until(b"\r\n").split(b";")[0], 16)
            if size == 0:
                lines = self.until(b"\r\n")
                while not lines.endswith(b"\r\n\r\n") and lines != b"\r\n":
                    lines += self.until(b"\r\n")
                if trailers is not None:
                    trailers += _fields(lines.decode("latin-1").split("\r\n")[:-2] if lines != b"\r\n" else [])
                return body
            body += self.read(size)
            assert self.read(2) == b"\r\n", "a chunk does not end with CRLF"

    def _head(self):
        lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")[:-2]
        return lines[0], _fields(lines[1:])

    def response(self, method="GET", trailers=None):
        """One message, 1xx included. A body without length is read until the end."""
        start, fields = self._head()
        head = Response(start, fields, b"")
        if method == "HEAD" or head.status < 200 or head.status in (204, 304) or (method == "CONNECT" and head.status < 300):
            return head
        if (head.get("Transfer-Encoding") or "").lower() == "chunked":
            return head._replace(body=self.chunked(trailers))
        if head.get("Content-Length") is not None:
            return head._replace(body=self.read(int(head.get("Content-Length"))))
        return head._replace(body=self.rest())

    def request(self, body=True, trailers=None):
        start, fields = self._head()
        head = Request(start, fields, b"")
        if not body:
            return head
        if (head.get("Transfer-Encoding") or "").lower() == "chunked":
            return head._replace(body=self.chunked(trailers))
        return head._replace(body=self.read(int(head.get("Content-Length") or 0)))

    def ask(self, data, method=None):
        """Sends a request and reads its final answer."""
        self.send(data)
        text = data if isinstance(data, str) else data.decode("latin-1")
        method = method or text.split(" ", 1)[0]
        while (answer := self.response(method)).status < 200 and answer.status != 101:
            pass
        return answer

    @property
    def local_port(self):
        return self.sock.getsockname()[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()


def connect(port, seconds=10.0, host="127.0.0.1"):
    return Wire(socket.create_connection((host, port), seconds), seconds)


class ScriptedOrigin:
    """Accepts connections and runs a script, a function of a Wire, on each: the n-th script for the n-th connection, the
    last one for all that follow. What a script raises is raised again by check()."""

    def __init__(self, *scripts, seconds=10.0, backlog=128, port=0):
        self.sock = socket.create_server(("127.0.0.1", port), backlog=backlog)
        self.port = self.sock.getsockname()[1]
        self.authority = f"origin.lab.test:{self.port}"
        self.scripts, self.seconds = scripts, seconds
        self.accepted, self.failures, self.wires = 0, [], []
        self._changed = threading.Condition()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.sock.accept()
            except OSError:
                return
            with self._changed:
                script = self.scripts[min(self.accepted, len(self.scripts) - 1)]
                self.accepted += 1
                self._changed.notify_all()
            threading.Thread(target=self._run, args=(script, Wire(sock, self.seconds)), daemon=True).start()

    def _run(self, script, wire):
        self.wires.append(wire)
        try:
            script(wire)
        except (Closed, OSError, socket.timeout):
            pass
        except BaseException as e:  # handed to the test by check()
            self.failures.append(e)
        finally:
            wire.close()

    def wait_accepted(self, n, seconds=5.0):
        with self._changed:
            return self._changed.wait_for(lambda: self.accepted >= n, seconds)

    def check(self):
        if self.failures:
            raise self.failures[0]

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()
        for wire in self.wires:
            wire.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.close()
        if kind is None:
            self.check()


def answering(answer):
    """A script: reads requests and gives each the same answer, until the client ends."""
    data = answer.encode("latin-1") if isinstance(answer, str) else answer

    def script(wire):
        while True:
            wire.request()
            wire.send(data)
    return script


def ok(body="ok", fields=""):
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n{fields}\r\n{body}"


def token68(value, scheme):
    """The token after `scheme` in a challenge or credentials field; None without one."""
    found = re.search(rf"(?i)\b{scheme}\s+([A-Za-z0-9+/=]+)", value or "")
    return found.group(1) if found else None
