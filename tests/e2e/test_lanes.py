"""A winbindd that hangs holds up nobody but those whom it should verify, and them no longer than the settings say."""

import base64
import re
import signal
import subprocess
import threading
import time

import pytest

from lab.curl import curl
from lab.echo import Echo
from lab.fairlead import absolute, timed
from lab.kdc import Kdc
from lab.processes import wait_until
from lab.proxy_signin import Accounts, proxy_basic, proxy_type1, sign_in_to_proxy
from lab.winbind import Winbind
from lab.wire import Closed, token68

LISTEN = "sign-on = {negotiate, ntlm, basic}  basic-without-tls = true  accounts = {local, corp}"


@pytest.fixture
def page(lab):
    return f"origin.lab.test:{lab.part(Echo).port}"


@pytest.fixture
def winbind(lab):
    return lab.part(Winbind)


@pytest.fixture
def proxy(lab, fairlead, winbind):
    accounts, kdc = Accounts(lab, carol="Secret3"), lab.part(Kdc)
    return fairlead(listen=LISTEN, prefix=winbind.inside(), env={"KRB5_CONFIG": kdc.config}, workers=2,
                    timeouts="connect = 3s  head = 10s  sign-in = 4s",
                    more=f'accounts local {{ file = "{accounts.file}" }}\naccounts corp {{ windows-domain = winbind }}\n'
                         "limits { sign-in-failures = 0 }\n"
                         f'kerberos {{ keytab = "{kdc.keytab}" }}')


class Hanging:
    """All processes of winbindd are stopped, as when its domain controller does not answer."""

    def __init__(self, winbind):
        self.winbind = winbind

    def _signal(self, number):
        tree = subprocess.run(["pgrep", "-g", str(self.winbind.process.pid)], capture_output=True, text=True).stdout.split()
        for pid in [*tree, str(self.winbind.process.pid)]:
            subprocess.run(["kill", f"-{number}", pid], stderr=subprocess.DEVNULL)

    def __enter__(self):
        self._signal(signal.SIGSTOP)

    def __exit__(self, *_):
        self._signal(signal.SIGCONT)


def by_ntlm(proxy, page, user, password, domain=""):
    with proxy.connect(20) as c:
        return sign_in_to_proxy(c, page, user, password=password, domain=domain)


def by_basic(proxy, page, user, password):
    return proxy.ask(absolute(page, fields=proxy_basic(user, password)), 20)


def by_kerberos(proxy, page, kdc):
    return curl(f"http://proxy.lab.test:{proxy.port}", f"http://{page}/", "--proxy-negotiate", "-U", ":", "--resolve",
                f"proxy.lab.test:{proxy.port}:127.0.0.1", env=kdc.client_env("alice"))[0]


def test_who_does_not_need_it_does_not_wait(proxy, page, winbind, lab):
    kdc = lab.part(Kdc)
    assert by_ntlm(proxy, page, "alice", "Secret1", "LAB").status == 200
    assert by_kerberos(proxy, page, kdc).status == 200
    with Hanging(winbind):
        stuck, statuses = [], []

        def wait():
            try:
                statuses.append(by_ntlm(proxy, page, "bob", "Secret2", "LAB").status)
            except (Closed, OSError) as e:
                statuses.append(e)

        for _ in range(60):  # more than any lane has threads
            stuck.append(threading.Thread(target=wait))
            stuck[-1].start()
        time.sleep(0.3)
        for i in range(10):
            answer, seconds = timed(lambda: by_ntlm(proxy, page, "carol", "Secret3"))
            assert answer.status == 200 and seconds < 1, (i, answer.status, seconds)
            answer, seconds = timed(lambda i=i: by_basic(proxy, page, "carol", "Secret3" if i % 2 else f"wrong{i}"))
            assert answer.status == (200 if i % 2 else 407) and seconds < 1.5, (i, answer.status, seconds)
        answer, first = timed(lambda: by_kerberos(proxy, page, kdc))
        later = []
        for _ in range(5):
            answer, seconds = timed(lambda: by_kerberos(proxy, page, kdc))
            assert answer.status == 200
            later.append(seconds)
        assert max(later) < 1, (first, later)
        for t in stuck:
            t.join()
        assert set(statuses) == {503}, statuses
        rows = wait_until(lambda: [r for r in proxy.log(80) if r["sc-status"] == "503"], "a 503 in the log")
        assert re.search("verifying.took.too.long", rows[0]["x-detail"]), rows[0]
        proxy.stop()  # although threads are stuck


def test_it_works_again_as_soon_as_winbind_does(proxy, page, winbind):
    assert by_ntlm(proxy, page, "alice", "Secret1", "LAB").status == 200
    with Hanging(winbind):
        answer, seconds = timed(lambda: by_ntlm(proxy, page, "alice", "Secret1", "LAB"))
        assert answer.status == 503 and seconds < 6
    assert by_ntlm(proxy, page, "alice", "Secret1", "LAB").status == 200


def test_a_start_and_a_reload_do_not_wait_for_it(proxy, page, winbind):
    proxy.stop()
    with Hanging(winbind):
        _, seconds = timed(proxy.start)
        assert seconds < 6
        proxy.wait_event("winbind cannot be asked now")
        assert by_ntlm(proxy, page, "carol", "Secret3").status == 200
        proxy.reload()
        proxy.wait_metric("reloads_total", lambda n: n == 1)
        assert by_ntlm(proxy, page, "alice", "Secret1", "LAB").status == 503, "not 407: who could say no cannot be asked"
    proxy.wait_event("winbind answers now: this machine is LAB in the domain LAB", 10)
    assert by_ntlm(proxy, page, "alice", "Secret1", "LAB").status == 200
    with proxy.connect() as c:
        challenge = c.ask(absolute(page, fields=proxy_type1()))
    assert "LAB".encode("utf-16le") in base64.b64decode(token68(challenge.get("Proxy-Authenticate"), "NTLM"))
