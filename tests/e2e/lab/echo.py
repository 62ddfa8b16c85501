"""A small HTTP/1.1 origin that tells what reached it: `user=.. conn=.. method=.. length=.. sha256=..`.

Behind Squid the user is X-User, which only Squid sets, and conn is the client port of the connection to Squid."""

import hashlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE_PARTS = 20


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _body(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while True:
                size = int(self.rfile.readline().split(b";")[0], 16)
                if size == 0:
                    while self.rfile.readline().strip():
                        pass
                    return
                yield self.rfile.read(size)
                self.rfile.readline()
        left = int(self.headers.get("Content-Length", 0))
        while left:
            piece = self.rfile.read(min(left, 65536))
            if not piece:
                raise ConnectionError("the body ended early")
            left -= len(piece)
            yield piece

    def _answer(self):
        digest, length = hashlib.sha256(), 0
        for piece in self._body():
            digest.update(piece)
            self.server.received += len(piece)
            length += len(piece)
        path = self.path.split("?")[0]
        if path == "/slow":
            time.sleep(1)
        if path == "/page":
            kind = "text/html"
            text = "<title>page</title><p id=user>" + self.headers.get("X-User", "-") + "</p>" + "".join(
                f'<img src="/part{i}.svg" width=10 height=10>' for i in range(PAGE_PARTS))
        elif path.endswith(".svg"):
            kind, text = "image/svg+xml", '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"/>'
        elif path.startswith("/bytes/"):
            kind, text = "text/plain", "x" * int(path[7:])
        else:
            kind = "text/plain"
            text = (f"user={self.headers.get('X-User', '-')} conn={self.headers.get('X-Conn', '-')} "
                    f"method={self.command} length={length} sha256={digest.hexdigest()} "
                    f"via={self.headers.get('Via', '-')}\n")
        data = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Seen-User", self.headers.get("X-User", "-"))
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = _answer

    def log_message(self, *args):
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512
    received = 0  # bytes of bodies, in all

    def handle_error(self, request, client_address):
        pass


class Echo:
    def __init__(self, lab=None):
        self.server = _Server(("127.0.0.1", 0), _Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()


def parse(text):
    """The words of an echoed answer."""
    return dict(word.split("=", 1) for word in text.split() if "=" in word)
