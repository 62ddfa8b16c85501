"""A published web site with a directory for each way to sign in, and an application behind it that tells what it was told.

Directories: /anon/, /basic/ (https only), /ntlm/, /negotiate/ (Kerberos, or NTLM inside), /kerberos/ (nothing else), /all/ (all of them, and
Basic), /staff/ (the same for the group staff, in which bob is), /maybe/ (whoever wants to), /bare/ (no way to sign in is left on a plain
connection)."""

import base64
import hashlib
import os
import re
import ssl
import subprocess
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import ntlm

from . import wire
from .curl import PASSWORDS
from .processes import free_port, wait_until
from .proxy_signin import Accounts

HOST = "site1.lab.test"


class _Told(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        secret = [n for n in ("Authorization", "Proxy-Authorization") if n in self.headers]
        words = {"user": self.headers.get_all("X-Remote-User") or ["-"], "groups": self.headers.get_all("X-Remote-Groups") or ["-"],
                 "secrets": secret or ["-"], "method": [self.command], "path": [self.path], "length": [len(body)],
                 "for": self.headers.get_all("X-Forwarded-For") or ["-"]}
        text = " ".join(f"{k}={urllib.parse.quote(','.join(map(str, v)), safe='/,-')}" for k, v in words.items())
        self.server.told.append({k: ",".join(map(str, v)) for k, v in words.items()})
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text.encode())

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _answer

    def log_message(self, *args):
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, request, client_address):
        pass


class Application:
    """Answers everything with the user, groups and so on that it was told; keeps it in `told`, too."""

    def __init__(self, lab=None):
        self.server = _Server(("127.0.0.1", 0), _Told)
        self.server.told = []
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    @property
    def told(self):
        return self.server.told


def words(text):
    """What the application told: {"user": ...}; empty for a page that is not its own."""
    return {k: urllib.parse.unquote(v) for k, v in re.findall(r"(\w+)=(\S+)", text)} if text.startswith("user=") else {}


def make_certificate(folder, host=HOST):
    key, certificate = f"{folder}/{host}.key", f"{folder}/{host}.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}", "-keyout", key, "-out", certificate],
                   check=True, capture_output=True)
    os.chmod(key, 0o600)
    return key, certificate


def _directories(own):
    every = "sign-on = {negotiate, ntlm, basic}  accounts = {local}"
    rows = {
        "/": "sign-on = {anonymous}",
        "/anon/": "sign-on = {anonymous}",
        "/basic/": "sign-on = {basic}  accounts = {local}  require-tls = true",
        "/ntlm/": "sign-on = {ntlm}  accounts = {local}",
        "/negotiate/": "sign-on = {negotiate}  accounts = {local}",
        "/kerberos/": "sign-on = {negotiate}",
        "/all/": every,
        "/staff/": every + '  groups = {"staff"}',
        "/maybe/": "sign-on = {anonymous, negotiate, ntlm, basic}  accounts = {local}",
        "/bare/": 'sign-on = {anonymous, basic}  accounts = {local}  users = {"alice"}',
        **own,
    }
    return "\n".join(f'    directory "{prefix}" {{ {text} }}' for prefix, text in rows.items())


class Site:
    """One Fairlead that publishes site1.lab.test by http and https. `settings`: more of the site block; `directories`: more directories, or
    others; `more`: further blocks. One worker, so that its log is in order."""

    def __init__(self, fairlead, lab, kdc, *, settings="", directories=None, accounts=None, more="", log_format="iis", **pieces):
        self.lab, self.kdc = lab, kdc
        self.http_port, self.https_port = free_port(), free_port()
        self.application = Application()
        if not accounts:
            accounts = Accounts(lab, alice="Secret1")
            accounts.add("bob", "Secret2", groups="staff")
        self.accounts = accounts
        self.folder = lab.folder(f"site{lab.number('site')}")
        self.key, self.certificate = make_certificate(self.folder)
        self.log_file = f"{self.folder}/site.log"
        self._blocks = dict(settings=settings, directories=directories or {}, more=more)
        self.fairlead = fairlead(more=self._text(**self._blocks), workers=1, env={"KRB5_CONFIG": kdc.config}, **pieces)

    def _text(self, settings, directories, more):
        return f"""
accounts local {{ file = "{self.accounts.file}" }}
kerberos {{ keytab = "{self.kdc.keytab}" }}
application told {{ member "http://127.0.0.1:{self.application.port}" {{ }} }}
site "{HOST}" {{
    listen = {{"http://127.0.0.1:{self.http_port}", "https://127.0.0.1:{self.https_port}"}}
    tls {{ certificate = "{self.certificate}"  key = "{self.key}" }}
    log {{ file = "{self.log_file}" }}
    application = told
    {settings}
{_directories(directories)}
}}
{more}
"""

    def reload(self, **blocks):
        """With other settings or directories."""
        self._blocks.update(blocks)
        before = self.fairlead.metric("reloads_total")
        self.fairlead.write_settings(more=self._text(**self._blocks))
        self.fairlead.reload()
        self.fairlead.wait_metric("reloads_total", lambda n: n == before + 1)

    # Reaching it
    def authority(self, tls=False):
        return f"{HOST}:{self.https_port if tls else self.http_port}"

    def url(self, path, tls=False):
        return f"{'https' if tls else 'http'}://{self.authority(tls)}{path}"

    def connect(self, tls=False, seconds=10.0):
        """A Wire."""
        if not tls:
            return wire.connect(self.http_port, seconds)
        plain = wire.connect(self.https_port, seconds)
        context = ssl.create_default_context(cafile=self.certificate)
        return wire.Wire(context.wrap_socket(plain.sock, server_hostname=HOST), seconds)

    def bindings(self):
        """tls-server-end-point of its certificate (RFC 5929)."""
        with open(self.certificate) as f:
            return b"tls-server-end-point:" + hashlib.sha256(ssl.PEM_cert_to_DER_cert(f.read())).digest()

    def ask(self, path, fields="", tls=False, version="1.1"):
        with self.connect(tls) as c:
            return c.ask(get(path, fields).replace("HTTP/1.1", f"HTTP/{version}", 1))

    # What it wrote
    def log(self, at_least=1, seconds=5.0):
        """Rows of the site's own log, keys as in #Fields, once there are so many; without what browsers ask for by themselves."""
        def rows():
            names, found = [], []
            try:
                with open(self.log_file, errors="replace") as f:
                    lines = f.read().split("\n")[:-1]
            except FileNotFoundError:
                lines = []
            for line in lines:
                if line.startswith("#Fields:"):
                    names = line.split()[1:]
                elif line and not line.startswith("#"):
                    values = line.split(" ")
                    assert len(values) == len(names), line
                    found.append(dict(zip(names, values)))
            found = [r for r in found if r["cs-uri-stem"] != "/favicon.ico"]
            return found if len(found) >= at_least else None
        if at_least == 0:
            return rows()
        return wait_until(rows, f"{at_least} rows in {self.log_file}", seconds, 0.05)


def get(path, fields="", method="GET", body=""):
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"{method} {path} HTTP/1.1\r\nHost: {HOST}\r\n{fields}{length}\r\n{body}"


def authorization(scheme, token):
    return f"Authorization: {scheme} {base64.b64encode(token).decode()}\r\n"


def basic(user, password=None):
    return authorization("Basic", f"{user}:{PASSWORDS[user] if password is None else password}".encode())


def begin(scheme="NTLM", wrapped=False):
    """The field of a first leg."""
    return authorization(scheme, ntlm.spnego_init(ntlm.type1()) if wrapped else ntlm.type1())


def finish(challenge, user, password=None, scheme="NTLM", wrapped=False, bindings=None):
    """The field that answers a 401 with a type 2."""
    text = wire.token68(challenge.get("WWW-Authenticate"), scheme)
    assert text, f"no {scheme} token in {challenge.start!r} {challenge.fields}"
    token = ntlm.type3(ntlm.inner(base64.b64decode(text)), user, PASSWORDS[user] if password is None else password, "", bindings)
    return authorization(scheme, ntlm.spnego_response(token) if wrapped else token)


def sign_in(connection, user, path, password=None, scheme="NTLM", wrapped=False, fields="", bindings=None):
    """Both legs by a local account; the final answer."""
    challenge = connection.ask(get(path, fields + begin(scheme, wrapped)))
    assert challenge.status == 401, (challenge.start, challenge.body[:300])
    return connection.ask(get(path, fields + finish(challenge, user, password, scheme, wrapped, bindings)))


def user_of(answer):
    """Whom the application was told of; None for a page that is not its own."""
    return words(answer.body.decode()).get("user") if answer.status == 200 else None


def codes(rows):
    """As IIS's engineers read them: ["401.2 5", "401.1 2148074254", "200.0 0"]."""
    return [f"{r['sc-status']}.{r['sc-substatus']} {r['sc-win32-status']}" for r in rows]
