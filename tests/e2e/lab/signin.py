"""Signing in by NTLM over a Wire, leg by leg."""

import base64

import ntlm

from .curl import PASSWORDS
from .fairlead import absolute
from .wire import token68


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
