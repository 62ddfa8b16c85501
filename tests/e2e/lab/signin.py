"""Signing in by NTLM over a Wire, leg by leg; and scripts of origins that let one sign in without looking."""

import base64

import ntlm

from .curl import PASSWORDS
from .fairlead import absolute
from .wire import ok, token68


def authorization(scheme, token):
    return f"Authorization: {scheme} {base64.b64encode(token).decode()}\r\n"


def type1_fields(scheme="NTLM"):
    return authorization(scheme, ntlm.type1())


def type3_fields(challenge, user, password=None, scheme="NTLM"):
    """The answer to a 401 with a type 2."""
    text = token68(challenge.get("WWW-Authenticate"), scheme)
    assert text, f"no {scheme} token in {challenge.start!r} {challenge.fields}"
    return authorization(scheme, ntlm.type3(base64.b64decode(text), user, password or PASSWORDS[user]))


def sign_in(wire, authority, user, path="/", password=None, method="GET", fields="", body="", scheme="NTLM"):
    """Type 1 (with an empty body), type 3 with the body: the final answer."""
    probe = absolute(authority, path, method, fields + type1_fields(scheme) + ("Content-Length: 0\r\n" if body else ""))
    challenge = wire.ask(probe)
    assert challenge.status == 401, (challenge.start, challenge.body[:500])
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return wire.ask(absolute(authority, path, method, fields + type3_fields(challenge, user, password, scheme) + length, body))


_CHALLENGE = "HTTP/1.1 401 X\r\nWWW-Authenticate: NTLM {}\r\nContent-Length: 0\r\n\r\n"


def challenge_text():
    """A 401 with a type 2."""
    return _CHALLENGE.format(base64.b64encode(ntlm.challenge()[0]).decode())


def signs_in(*after):
    """A script: two legs, then `after` says what follows for each further request: text, or None to close."""
    def script(w):
        assert w.request().get("Authorization")
        w.send(challenge_text())
        assert w.request().get("Authorization")
        w.send(ok("signed in"))
        for answer in after:
            if answer is None:
                return
            w.request()
            w.send(answer)
        w.rest()
    return script


def signed_in_client(proxy, origin):
    """A connection to the proxy on which alice has signed in to the origin, which runs signs_in()."""
    c = proxy.connect()
    challenge = c.ask(absolute(origin.authority, fields=type1_fields()))
    assert challenge.status == 401
    assert c.ask(absolute(origin.authority, fields=type3_fields(challenge, "alice"))).body == b"signed in"
    return c
