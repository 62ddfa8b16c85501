"""Signing in to a proxy (407) over a Wire, leg by leg; local accounts; what is common to the tests of both."""

import base64
import contextlib
import ctypes
import os
import subprocess

import ntlm

from .curl import PASSWORDS
from .fairlead import BINARY, absolute
from .wire import token68

_libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000


class Accounts:
    """A file of local accounts, changed by `fairlead account`."""

    def __init__(self, lab, **passwords):
        self.file = os.path.join(lab.folder(f"accounts{lab.number('accounts')}"), "accounts")
        for name, password in passwords.items():
            self.add(name, password)

    def _run(self, *words, password=None):
        done = subprocess.run([BINARY, "account", *words, "--file", self.file], text=True, capture_output=True,
                              input=None if password is None else password + "\n")
        assert done.returncode == 0, done.stderr
        return done.stdout

    def add(self, name, password, groups=None):
        self._run("add", name, *(["--groups", groups] if groups else []), password=password)

    def disable(self, name):
        self._run("set", name, "--disabled")

    def enable(self, name):
        self._run("set", name, "--enabled")

    def set_password(self, name, password):
        self._run("set", name, "--password", password=password)

    def remove(self, name):
        self._run("remove", name)


def proxy_authorization(scheme, token):
    return f"Proxy-Authorization: {scheme} {base64.b64encode(token).decode()}\r\n"


def proxy_basic(user, password):
    return proxy_authorization("Basic", f"{user}:{password}".encode())


def proxy_type1(scheme="NTLM", wrapped=False):
    return proxy_authorization(scheme, ntlm.spnego_init(ntlm.type1()) if wrapped else ntlm.type1())


def proxy_type3(challenge, user, password=None, domain="", scheme="NTLM", wrapped=False):
    """The answer to a 407 with a type 2."""
    text = token68(challenge.get("Proxy-Authenticate"), scheme)
    assert text, f"no {scheme} token in {challenge.start!r} {challenge.fields}"
    token = ntlm.type3(ntlm.inner(base64.b64decode(text)), user, PASSWORDS[user] if password is None else password, domain)
    return proxy_authorization(scheme, ntlm.spnego_response(token) if wrapped else token)


def sign_in_to_proxy(wire, authority, user, path="/", *, password=None, domain="", method="GET", fields="", body="", scheme="NTLM",
                     wrapped=False):
    """Type 1 (with an empty body), type 3 with the body: the final answer."""
    empty = "Content-Length: 0\r\n" if body else ""
    challenge = wire.ask(_request(authority, path, method, fields + proxy_type1(scheme, wrapped) + empty))
    assert challenge.status == 407, (challenge.start, challenge.body[:500])
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return wire.ask(_request(authority, path, method,
                             fields + proxy_type3(challenge, user, password, domain, scheme, wrapped) + length, body))


def _request(authority, path, method, fields, body=""):
    if method == "CONNECT":
        return f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{fields}\r\n"
    return absolute(authority, path, method, fields, body)


@contextlib.contextmanager
def network_of(pid):
    """Sockets that this thread makes meanwhile belong to the network namespace of that process."""
    def enter(path):
        with open(path, "rb") as f:
            if _libc.setns(f.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), f"setns {path}")

    with open("/proc/thread-self/ns/net", "rb") as mine:
        enter(f"/proc/{pid}/ns/net")
        try:
            yield
        finally:
            assert _libc.setns(mine.fileno(), CLONE_NEWNET) == 0
