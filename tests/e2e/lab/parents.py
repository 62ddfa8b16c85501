"""Squid as a parent proxy that demands sign-in, and tells what it saw of ours."""

import base64
import contextlib
import os
import re
import shutil
import subprocess

from .kdc import Kdc
from .processes import free_port
from .proxy_signin import network_of
from .squid import _start
from .winbind import Winbind

_LEGS = """http_port 127.0.0.1:{port}
logformat legs conn=%>p status=%>Hs method=%rm user=%un token=%{{Proxy-Authorization}}>h url=%ru
access_log stdio:{d}/legs.log legs
"""

_NTLM = """auth_param ntlm program /usr/bin/ntlm_auth --helper-protocol=squid-2.5-ntlmssp
auth_param ntlm children 20 startup=2 idle=1
auth_param ntlm keep_alive on
"""

_NEGOTIATE = """auth_param negotiate program /usr/lib/squid/negotiate_kerberos_auth -k {keytab} -s GSS_C_NO_NAME
auth_param negotiate children 10 startup=2 idle=1
auth_param negotiate keep_alive on
"""

_BASIC = """auth_param basic program /usr/lib/squid/basic_ncsa_auth {users}
auth_param basic children 5 startup=1 idle=1
auth_param basic realm lab
"""

_DEMANDED = """acl authed proxy_auth REQUIRED
http_access allow authed
http_access deny all
"""


class Parent:
    """schemes: of "ntlm", "negotiate", "basic" in the order offered; with `anonymous` nobody has to sign in. With `domain` it stands on the domain's
    member, with the keys of HTTP/parent.ad.lab.test."""

    def __init__(self, lab, *schemes, anonymous=False, more="", domain=None):
        self.lab, self.port, self.domain = lab, free_port(), domain
        self.name = f"parent{lab.number('parent')}"
        self.folder = lab.folder(self.name)
        self.winbind = lab.part(Winbind) if "ntlm" in schemes else None
        prefix, values = (self.winbind.inside() if self.winbind else []), {}
        if domain:
            prefix, values["keytab"] = [*domain.inside("mb1"), "env", "KRB5RCACHETYPE=none", "KRB5RCACHENAME=none:"], domain.parent_keytab
        elif "negotiate" in schemes:
            kdc = lab.part(Kdc)
            values["keytab"] = kdc.keytab
            prefix = [*prefix, "env", *(f"{k}={v}" for k, v in kdc.server_env.items())]
        if "basic" in schemes:
            self.users = values["users"] = lab.write(f"{self.name}/users", "")
            self.set_basic("svc", "Canary-4711-svc")
        text = "".join({"ntlm": _NTLM, "negotiate": _NEGOTIATE, "basic": _BASIC}[s].format(**values) for s in schemes)
        demanded = "http_access allow all\n" if anonymous else _DEMANDED
        self.settings = more + text + demanded + _LEGS.format(port=self.port, d=self.folder)
        self.prefix = prefix
        self.start()

    def start(self):
        with network_of(self.domain.hosts["mb1"].pid) if self.domain else contextlib.nullcontext():
            self.process = _start(self.lab, self.name, self.settings, self.port, self.prefix)
        shutil.chown(self.folder, "proxy")

    def stop(self):
        self.process.end()

    def set_basic(self, user, password, more=False):
        """The only user, or one more."""
        hashed = subprocess.run(["openssl", "passwd", "-apr1", password], capture_output=True, text=True, check=True).stdout.strip()
        with open(self.users, "a" if more else "w") as f:
            f.write(f"{user}:{hashed}\n")

    def mark(self):
        path = f"{self.folder}/legs.log"
        return os.path.getsize(path) if os.path.exists(path) else 0

    def since(self, mark=0):
        """What it answered: dicts with conn, status, method, user, token, url."""
        try:
            with open(f"{self.folder}/legs.log", errors="replace") as f:
                f.seek(mark)
                return [dict(re.findall(r"(\w+)=(.*?)(?= \w+=|$)", line.rstrip("\n"))) for line in f]
        except FileNotFoundError:
            return []

    def proofs(self, mark=0):
        """Requests that carried an NTLM type 3, Basic, or a Kerberos token: what can lock an account."""
        return [r for r in self.since(mark) if is_proof(r["token"])]


def is_proof(token):
    scheme, _, text = token.replace("%20", " ").partition(" ")
    if scheme == "-":
        return False
    raw = base64.b64decode(text + "=" * (-len(text) % 4))
    at = raw.find(b"NTLMSSP\0")
    return at < 0 or raw[at + 8] == 3
