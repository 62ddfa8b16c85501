"""Published sites: settings for them, a recorder of what reaches the application, and clients that sign in to a site (401)."""

import base64
import re

import ntlm

from .curl import PASSWORDS
from .processes import free_port
from .proxy_signin import Accounts
from .wire import ScriptedOrigin, connect, ok, token68

# What a server in front says, and what some applications believe when a client says it, as CGI spells names.
OURS = ("x_remote_user", "x_remote_groups", "x_forwarded_for", "x_forwarded_proto", "x_forwarded_host", "x_forwarded_port",
        "forwarded")
BELIEVED = re.compile(r"x_forwarded.*|x_remote.*|x_original_.*|x_auth_request_.*|x_authenticated_.*|x_ssl_client.*|ssl_client.*|"
                      r"x_client_cert.*|x_arr_.*|ms_aspnetcore_.*|x_ms_client_principal.*|"
                      r"forwarded|remote_user|remote_groups|remote_addr|remote_host|auth_user|auth_type|x_auth_user|"
                      r"x_webauth_user|logon_user|x_logon_user|x_real_ip|x_client_ip|client_ip|true_client_ip|"
                      r"x_cluster_client_ip|x_rewrite_url|x_host|front_end_https|proxy")


def cgi_name(name):
    """As an application sees a name that takes all but letters and digits for the same."""
    return re.sub("[^a-z0-9]", "_", name.lower())


class Recorder(ScriptedOrigin):
    """An application that keeps each request as it came, trailers too, and answers 200."""

    def __init__(self, answer=ok("reached")):
        self.requests, self.trailers, self._answer = [], [], answer
        super().__init__(self._record)

    def _record(self, wire):
        while True:
            trailers = []
            request = wire.request(trailers=trailers)
            self.trailers.append(trailers)
            self.requests.append(request)
            wire.send(self._answer)


class Site:
    """A Fairlead that publishes; `sites` is the text of its site and application blocks, with {address} for where."""

    def __init__(self, make, accounts, blocks, *, workers=1, more="", scheme="http", **pieces):
        self.port = free_port()
        address = f"{scheme}://127.0.0.1:{self.port}"
        text = f'accounts local {{ file = "{accounts.file}" }}\n' if accounts else ""
        self.fairlead = make(workers=workers, more=text + blocks.replace("{address}", address) + more, **pieces)

    def connect(self, seconds=10.0):
        return connect(self.port, seconds)

    def ask(self, request, seconds=10.0):
        with self.connect(seconds) as c:
            return c.ask(request)


def request(path, host="site.lab.test", method="GET", fields="", body=""):
    if body:
        fields += f"Content-Length: {len(body)}\r\n"
    return f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n{body}"


def authorization(scheme, token):
    return f"Authorization: {scheme} {base64.b64encode(token).decode()}\r\n"


def sign_in_to_site(wire, user, path, host="site.lab.test", password=None, method="GET", fields="", body="", scheme="NTLM"):
    """Both legs of NTLM by a local account; the body comes with the second. The final answer."""
    empty = "Content-Length: 0\r\n" if body else ""
    challenge = wire.ask(request(path, host, method, fields + authorization(scheme, ntlm.type1()) + empty))
    assert challenge.status == 401, (challenge.start, challenge.body[:300])
    text = token68(challenge.get("WWW-Authenticate"), scheme)
    assert text, challenge.fields
    last = ntlm.type3(base64.b64decode(text), user, PASSWORDS[user] if password is None else password, "")
    return wire.ask(request(path, host, method, fields + authorization(scheme, last), body))


def local_accounts(lab):
    accounts = Accounts(lab)
    accounts.add("alice", "Secret1", groups="staff,Web Users")
    accounts.add("bob", "Secret2")
    return accounts
