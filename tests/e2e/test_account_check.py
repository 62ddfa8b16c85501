"""An account of the domain that is disabled or removed while its owner is signed in: the sign-in ends, within the time that the settings say."""

import socket
import subprocess
import time

import pytest

from lab.curl import curl
from lab.domain import Domain
from lab.echo import Echo
from lab.fairlead import absolute, timed
from lab.kdc import Kdc
from lab.processes import wait_until
from lab.proxy_signin import network_of, sign_in_to_proxy
from lab.wire import ScriptedOrigin, answering, ok

CHANGE = r"""
import sys, ldb
from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB
lp = LoadParm(); lp.load_default()
db = SamDB(session_info=system_session(), lp=lp)
what, user = sys.argv[1:]
if what == "add":
    db.newuser(user, "Secret1")
elif what == "disable":
    db.disable_account(f"(sAMAccountName={user})")
elif what == "enable":
    db.enable_account(f"(sAMAccountName={user})")
elif what == "delete":
    db.deleteuser(user)
"""


@pytest.fixture
def domain(lab):
    return lab.part(Domain)


@pytest.fixture
def account(lab, domain):
    """Makes accounts; changes them."""
    script, made = lab.write("domain/change.py", CHANGE), []

    def change(what, user):
        if what == "add":
            made.append(user)
        subprocess.run(domain.inside("dc1", "/usr/bin/python3", script, what, user), check=True, capture_output=True)

    yield change
    for user in made:
        try:
            change("delete", user)
        except subprocess.CalledProcessError:
            pass


@pytest.fixture
def proxy(fairlead, domain):
    def make(kerberos=True, every="1s"):
        return fairlead(name="proxy.ad.lab.test", listen="sign-on = {negotiate, ntlm}  accounts = {corp}", prefix=domain.inside("mb1"),
                        network=lambda: network_of(domain.hosts["mb1"].pid), workers=1,
                        timeouts=f"connect = 3s  head = 10s  idle = 60s  account-check = {every}",
                        more="accounts corp { windows-domain = winbind }\n" + (f'kerberos {{ keytab = "{domain.keytab}" }}' if kerberos else ""))
    return make


class Page:
    """An origin in the member's network."""

    def __init__(self, proxy):
        with proxy.network():
            self.origin = ScriptedOrigin(answering(ok("page")))

    def __enter__(self):
        return f"127.0.0.1:{self.origin.port}"

    def __exit__(self, *_):
        self.origin.sock.close()


def signed_in(proxy, page, user, password="Secret1"):
    c = proxy.connect()
    answer = sign_in_to_proxy(c, page, user, password=password, domain="ADLAB")
    assert answer.status == 200, (answer.start, answer.body)
    return c


def until_refused(c, page, seconds):
    return wait_until(lambda: c.ask(absolute(page)).status == 407, "the sign-in to end", seconds, 0.1)


@pytest.mark.slow
def test_a_disabled_account_ends_on_its_connection(proxy, account):
    account("add", "leaver")
    p = proxy()
    with Page(p) as page, signed_in(p, page, "leaver") as c, signed_in(p, page, "alice") as other:
        time.sleep(1.2)
        assert c.ask(absolute(page)).status == 200, "asked about, and fine"
        account("disable", "leaver")
        until_refused(c, page, 10)
        p.wait_event(r"ADLAB\\leaver: the account is disabled; its sign-ins end")
        assert other.ask(absolute(page)).status == 200
        assert p.metric("sign_ins_ended_total") == 1
        account("enable", "leaver")
        with signed_in(p, page, "leaver") as again:
            assert again.ask(absolute(page)).status == 200


@pytest.mark.slow
def test_a_removed_account_ends_too(proxy, account):
    account("add", "gone2")
    p = proxy()
    with Page(p) as page, signed_in(p, page, "gone2") as c:
        account("delete", "gone2")
        until_refused(c, page, 10)


@pytest.mark.slow
def test_a_ticket_outlives_nothing(proxy, account, domain, lab):
    """Kerberos clients bring a ticket with every connection, which nobody asks a KDC about."""
    account("add", "traveller")
    p, cache = proxy(), f"{domain.folder}/cc.traveller"
    subprocess.run(domain.inside("mb1", "kinit", "-c", cache, "traveller@AD.LAB.TEST"), input="Secret1\n", text=True, check=True,
                   stdout=subprocess.DEVNULL)

    def ask(page):
        address = f"proxy.ad.lab.test:{p.port}"
        return curl(f"http://{address}", f"http://{page}/", "--proxy-negotiate", "-U", ":", "--resolve", f"{address}:127.0.0.1",
                    env={"KRB5CCNAME": cache}, prefix=domain.inside("mb1"))[0].status

    with Page(p) as page:
        assert ask(page) == 200
        account("disable", "traveller")
        wait_until(lambda: ask(page) == 407, "the ticket to be refused", 10, 0.2)
        p.wait_event("sign-in refused to a client: account-disabled")


@pytest.mark.slow
def test_without_a_keytab_winbind_says_that_it_is_gone(proxy, account):
    """winbind keeps names for some minutes (winbind cache time): its cache is emptied here."""
    account("add", "gone3")
    p = proxy(kerberos=False)
    with Page(p) as page, signed_in(p, page, "gone3") as c:
        time.sleep(1.2)
        assert c.ask(absolute(page)).status == 200
        account("delete", "gone3")
        domain = p.lab.part(Domain)
        domain.stop_winbind()
        subprocess.run(domain.inside("mb1", "net", "cache", "flush"), check=True)
        subprocess.run(domain.inside("mb1", "sh", "-c", "rm -f /var/lib/samba/winbindd_cache.tdb /var/cache/samba/winbindd_cache.tdb"), check=True)
        domain.start_winbind()
        until_refused(c, page, 10)
        p.wait_event(r"ADLAB\\gone3: there is no such account")


@pytest.mark.slow
def test_nobody_ends_because_nobody_can_be_asked(proxy, domain):
    p = proxy(kerberos=False)
    with Page(p) as page, signed_in(p, page, "alice") as c:
        domain.stop_winbind()
        try:
            for _ in range(5):
                time.sleep(0.5)
                assert c.ask(absolute(page)).status == 200
        finally:
            domain.start_winbind()
        assert c.ask(absolute(page)).status == 200
        with signed_in(p, page, "bob", "Secret2") as later:
            assert later.ask(absolute(page)).status == 200, "by a winbindd that is another one now"


def test_a_kdc_that_is_silent_is_waited_for_once(fairlead, lab):
    """Tickets are verified with the keytab alone: a proxy that reaches no KDC serves all the same."""
    kdc, page = lab.part(Kdc), f"origin.lab.test:{lab.part(Echo).port}"
    with socket.create_server(("127.0.0.1", 0)) as silent, open(kdc.config) as f:
        config = lab.write("krb5-silent.conf", "".join(f"    kdc = 127.0.0.1:{silent.getsockname()[1]}\n" if "kdc = " in line else line for line in f))
        proxy = fairlead(listen="sign-on = {negotiate}", env={"KRB5_CONFIG": config}, more=f'kerberos {{ keytab = "{kdc.keytab}" }}',
                         timeouts="connect = 3s  head = 10s  account-check = 1s")
        address = f"proxy.lab.test:{proxy.port}"

        def ask():
            return curl(f"http://{address}", f"http://{page}/", "--proxy-negotiate", "-U", ":", "--resolve", f"{address}:127.0.0.1",
                        env=kdc.client_env("alice"))[0].status

        answers = [timed(ask) for _ in range(6)]
        assert [status for status, _ in answers] == [200] * 6
        assert max(seconds for _, seconds in answers[1:]) < 1.5, answers
