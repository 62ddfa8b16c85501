"""cntlm, which signs in to a proxy by NTLM for clients that cannot: the real thing, as a client of ours."""

from .processes import Process, free_port

_SETTINGS = """Username {user}
Domain {domain}
Password {password}
Auth {auth}
Proxy 127.0.0.1:{proxy}
Listen 127.0.0.1:{port}
NoProxy none.invalid
"""


class Cntlm:
    """`auth`: NTLMv2, NTLM2SR, NTLM, LM. `prefix`: to run elsewhere than here, where then its clients must be, too."""

    def __init__(self, lab, proxy, user, domain, password, auth="NTLMv2", prefix=()):
        self.port, number = free_port(), lab.number("cntlm")
        file = lab.write(f"cntlm{number}.conf", _SETTINGS.format(user=user, domain=domain, password=password, auth=auth, proxy=proxy,
                                                                 port=self.port), 0o600)
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = Process(lab, f"cntlm{number}", [*prefix, "cntlm", "-f", "-c", file])
        if not prefix:
            self.process.listening(self.port)

    def end(self):
        self.process.end()
