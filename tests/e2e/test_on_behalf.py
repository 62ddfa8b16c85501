"""Whoever signed in to us is signed in to the parent as himself: by Basic with his password, by Kerberos with a delegated ticket. Who came is read from
the parent's own log."""

import base64
import collections
import concurrent.futures
import hashlib
import os
import random

import pytest

from lab import wire
from lab.curl import PASSWORDS, curl
from lab.domain import Domain
from lab.echo import Echo
from lab.fairlead import absolute
from lab.parents import Parent
from lab.processes import free_port, wait_until
from lab.proxy_signin import Accounts, network_of, proxy_basic, sign_in_to_proxy
from lab.signin import type1_fields, type3_fields
from lab.wire import Closed, ScriptedOrigin, answering, ok
from test_parents import must_be_12201

USERS = {"alice": "Canary-4712-alice", "bob": "Canary-4713-bob"}
SECRETS = [form for user, password in USERS.items() for form in (
    password, base64.b64encode(f"{user}:{password}".encode()).decode(), base64.b64encode(password.encode()).decode()[:12])]
BASIC = "sign-on = {basic}  basic-without-tls = true  accounts = {local}"


@pytest.fixture
def page(lab):
    return f"origin.lab.test:{lab.part(Echo).port}"


@pytest.fixture
def passing(fairlead, lab):
    """A proxy that signs its users in to its parent; their passwords are in nothing that it writes."""
    made = []

    def make(port, listen=BASIC, more="", send="as-fits", credentials="", **pieces):
        accounts = Accounts(lab, **USERS)
        made.append(fairlead(
            listen=listen, upstreams=f'upstream office {{ member "127.0.0.1:{port}" {{ }}  credentials {{ scheme = {{on-behalf}}  send = {send}  {credentials} }} }}',
            routes='route { to = {"site1.lab.test"}  via = direct }\nroute { to = {"*"}  via = office }',
            more=f'accounts local {{ file = "{accounts.file}" }}\n' + more, **pieces))
        return made[-1]

    yield make
    for proxy in made:
        seen = proxy.process.printed() + str(proxy.metrics())
        for name in os.listdir(proxy.folder):
            if os.path.isfile(f"{proxy.folder}/{name}"):
                with open(f"{proxy.folder}/{name}", errors="replace") as f:
                    seen += f.read()
        assert not [s for s in SECRETS if s in seen], "a password was written down"


@pytest.fixture
def squid(lab):
    parent = Parent(lab, "basic")
    for user, password in USERS.items():
        parent.set_basic(user, password, more=True)
    return parent


def user_of(row):
    return row["user"].split("%5C")[-1].split("\\")[-1]


def of_clients(parent, method="GET"):
    return [r for r in parent.since() if r["method"] == method]


def users_by_connection(parent):
    found = collections.defaultdict(set)
    for row in parent.since():
        if user_of(row) != "-":
            found[row["conn"]].add(user_of(row))
    return found


# ---- Basic


def test_pages_tunnels_and_bodies_as_oneself(passing, squid, page, lab):
    proxy, origin = passing(squid.port), lab.part(Echo).server
    body = "0123456789abcdef" * 65536
    file, before = lab.write("behalf-body", body), origin.received
    for user, password in USERS.items():
        who = ["--proxy-basic", "-U", f"{user}:{password}"]
        assert [a.status for a in curl(proxy.url, [f"http://{page}/{i}" for i in range(5)], *who)] == [200] * 5
        assert curl(proxy.url, f"http://{page}/", "-p", *who)[0].status == 200
        posted, = curl(proxy.url, f"http://{page}/", *who, "--data-binary", "@" + file)
        assert (posted.status, posted.words["sha256"]) == (200, hashlib.sha256(body.encode()).hexdigest())
    assert origin.received - before == 2 * len(body)
    wait_until(lambda: len(of_clients(squid)) == 10 and len(of_clients(squid, "POST")) == len(of_clients(squid, "CONNECT")) == 2,
               "the parent's log")
    for method, n in (("GET", 5), ("CONNECT", 1), ("POST", 1)):
        assert sorted((r["status"], user_of(r)) for r in of_clients(squid, method)) == [("200", "alice")] * n + [("200", "bob")] * n
    assert sorted({r["cs-username"] for r in proxy.log(14) if r["sc-status"] == "200"}) == ["alice", "bob"]
    assert all(len(users) == 1 for users in users_by_connection(squid).values())


def test_users_interleaved_share_no_connection(passing, squid, page):
    proxy = passing(squid.port, workers=1)

    def client(number):
        rng, left = random.Random(number), 40
        user = ("alice", "bob")[number % 2]
        while left:
            with proxy.connect(30) as c:
                for _ in range(min(left, rng.randrange(1, 6))):
                    assert c.ask(absolute(page, f"/{user}/{left}", fields=proxy_basic(user, USERS[user]))).status == 200
                    left -= 1

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(client, n) for n in range(8)]:
            done.result()
    rows = wait_until(lambda: len(of_clients(squid)) >= 320 and of_clients(squid), "the parent's log")
    assert [r for r in rows if user_of(r) != r["url"].split("/")[3]] == []
    found = users_by_connection(squid)
    assert all(len(users) == 1 for users in found.values()) and len(found) <= 8, "a user's connections are used again, by him"


def test_a_parent_that_asks_nobody_gets_no_password(lab, passing, page):
    parent = Parent(lab, "basic", anonymous=True)
    ask = absolute(page, fields=proxy_basic("alice", USERS["alice"]))
    assert passing(parent.port).ask(ask).status == 200
    assert passing(parent.port, send="when-asked").ask(ask).status == 200
    wait_until(lambda: len(of_clients(parent)) == 2, "the parent's log")
    assert [r["token"] for r in of_clients(parent)] == ["-", "-"]
    assert passing(parent.port, send="always").ask(ask).status == 200
    wait_until(lambda: of_clients(parent)[-1]["token"].startswith("Basic"), "Basic at the parent")


def test_a_user_whom_the_parent_does_not_know(passing, squid, page):
    squid.set_basic("alice", USERS["alice"])
    proxy = passing(squid.port)
    bob, alice = (absolute(page, fields=proxy_basic(u, USERS[u])) for u in ("bob", "alice"))
    must_be_12201(proxy.ask(bob), "parent-refused-user")
    for _ in range(8):
        must_be_12201(proxy.ask(bob), "parent-sign-in-held")
    assert proxy.ask(alice).status == 200, "nobody else is held for it"
    wait_until(lambda: of_clients(squid), "the parent's log")
    assert len([r for r in squid.proofs() if base64.b64decode(r["token"].split("%20")[-1].split(" ")[-1]).startswith(b"bob:")]) == 1
    proxy.wait_event("refused the user bob, for whom we signed in")


def test_a_parent_that_wants_something_else(lab, passing, page):
    text = must_be_12201(passing(Parent(lab, "ntlm").port).ask(absolute(page, fields=proxy_basic("alice", USERS["alice"]))), "parent-offers-other")
    assert "NTLM" in text


def test_a_password_wrong_for_us_never_reaches_the_parent(passing, squid, page):
    proxy = passing(squid.port)
    assert proxy.ask(absolute(page, fields=proxy_basic("alice", "wrong"))).status == 407
    assert not squid.proofs() and not of_clients(squid)


def test_who_signed_in_by_ntlm_cannot_be_passed_on(passing, squid, page):
    proxy = passing(squid.port, listen="sign-on = {ntlm, basic}  basic-without-tls = true  accounts = {local}")
    with proxy.connect() as c:
        text = must_be_12201(sign_in_to_proxy(c, page, "alice", password=USERS["alice"]), "user-not-passed-on")
        assert "ntlm" in text
        assert c.ask(absolute(f"site1.lab.test:{page.split(':')[1]}")).status == 200, "past the parent he may go"
    row = [r for r in proxy.log(3) if r["sc-status"] == "502"][0]
    assert (row["sc-win32-status"], row["x-end"], row["cs-username"]) == ("12201", "user-not-passed-on", "alice")
    assert not of_clients(squid)


def test_nobody_is_asked_who_he_is_where_the_parent_must_know(passing, squid, page):
    proxy = passing(squid.port, listen="sign-on = {anonymous, basic}  basic-without-tls = true  accounts = {local}")
    with proxy.connect() as c:
        assert c.ask(absolute(f"site1.lab.test:{page.split(':')[1]}")).status == 200
        assert c.ask(absolute(page)).status == 407
        assert c.ask(absolute(page, fields=proxy_basic("alice", USERS["alice"]))).status == 200
    other = free_port()
    proxy = passing(squid.port, more=f'listen "127.0.0.1:{other}" {{ }}\n')
    with wire.connect(other) as c:
        must_be_12201(c.ask(absolute(page)), "user-not-passed-on")


def test_a_sign_in_to_a_site_through_it(passing, squid, ntlm_origin):
    mark = ntlm_origin.mark()
    answers = curl(passing(squid.port).url, [ntlm_origin.url(f"/{i}") for i in range(5)], "--proxy-basic", "-U", f"alice:{USERS['alice']}",
                   "--ntlm", "-u", f"LAB\\bob:{PASSWORDS['bob']}")
    assert [(a.status, a.words.get("user")) for a in answers] == [(200, r"LAB\bob")] * 5
    wait_until(lambda: len([r for r in ntlm_origin.since(mark) if r["status"] == "200"]) == 5, "the site's log")
    assert set().union(*users_by_connection(squid).values()) == {"alice"}


def test_another_user_on_the_same_connection(passing, squid, page, ntlm_origin):
    """Whoever speaks next is not who signed in to the site; and a connection that is only held is not his either."""
    proxy, site = passing(squid.port, workers=1), f"ntlm.lab.test:{ntlm_origin.port}"
    alice, bob = (proxy_basic(u, USERS[u]) for u in ("alice", "bob"))
    with proxy.connect() as c:
        assert c.ask(absolute(site, fields=alice)).status == 401, "held from now on"
        assert c.ask(absolute(site, "/bob/", fields=bob)).status == 401
        challenge = c.ask(absolute(site, "/bob/", fields=bob + type1_fields()))
        assert c.ask(absolute(site, "/bob/", fields=bob + type3_fields(challenge, "bob"))).status == 200
        with pytest.raises(Closed):
            c.ask(absolute(site, "/alice/", fields=alice))
    rows = wait_until(lambda: len([r for r in of_clients(squid) if "/bob/" in r["url"]]) == 3 and of_clients(squid), "the parent's log")
    rows = [r for r in rows if "/bob/" in r["url"]]
    assert {user_of(r) for r in rows} == {"bob"} and all(len(users) == 1 for users in users_by_connection(squid).values())


# ---- Kerberos


class Delegating:
    """Our proxy on the member of a domain, whose account may delegate to the parent beside it, and a site there."""

    def __init__(self, lab, fairlead, parent="HTTP/parent.ad.lab.test"):
        self.domain = lab.part(Domain)
        self.network = lambda: network_of(self.domain.hosts["mb1"].pid)
        self.parent = Parent(lab, "negotiate", domain=self.domain)
        self.proxy = fairlead(
            name="proxy.ad.lab.test", listen="sign-on = {negotiate, basic}  basic-without-tls = true  accounts = {corp}", prefix=self.domain.inside("mb1"), network=self.network,
            upstreams=f"""upstream office {{ member "127.0.0.1:{self.parent.port}" {{ }}
    credentials {{ scheme = {{on-behalf}}  spn = "{parent}" }} }}""",
            routes='route { to = {"*"}  via = office }',
            more=f'accounts corp {{ windows-domain = winbind }}\nkerberos {{ keytab = "{self.domain.keytab}" }}\n')
        with self.network():
            self.site = ScriptedOrigin(answering(ok("page")))
        self.authority = f"127.0.0.1:{self.site.port}"

    def curl(self, user, urls, *options, forwardable=True):
        address = f"proxy.ad.lab.test:{self.proxy.port}"
        return curl(f"http://{address}", urls, "--proxy-negotiate", "-U", ":", "--resolve", f"{address}:127.0.0.1", *options,
                    env={"KRB5CCNAME": self.domain.ticket(user, forwardable)}, prefix=self.domain.inside("mb1"))


@pytest.fixture
def delegating(lab, fairlead):
    made = []

    def make(**options):
        made.append(Delegating(lab, fairlead, **options))
        return made[-1]

    yield make
    for d in made:
        d.site.close()


@pytest.mark.slow
def test_a_delegated_ticket_names_the_user(delegating):
    d = delegating()
    for user in ("alice", "bob", "alice"):
        answers = d.curl(user, [f"http://{d.authority}/{user}/{i}" for i in range(5)])
        assert [a.status for a in answers] == [200] * 5, answers
        assert d.curl(user, f"http://{d.authority}/", "-p")[0].status == 200
    rows = wait_until(lambda: len(of_clients(d.parent)) >= 15 and of_clients(d.parent), "the parent's log")
    assert {(r["user"], r["url"].split("/")[3]) for r in rows} == {("alice@AD.LAB.TEST", "alice"), ("bob@AD.LAB.TEST", "bob")}
    wait_until(lambda: len(of_clients(d.parent, "CONNECT")) == 3, "the rows of the tunnels")
    assert sorted(r["user"] for r in of_clients(d.parent, "CONNECT")) == ["alice@AD.LAB.TEST"] * 2 + ["bob@AD.LAB.TEST"]
    assert {r["cs-username"].replace("\\\\", "\\") for r in d.proxy.log(18) if r["sc-status"] == "200"} == {r"ADLAB\alice", r"ADLAB\bob"}
    assert all(len(users) == 1 for users in users_by_connection(d.parent).values())
    of_alice = [c for c, users in users_by_connection(d.parent).items() if users == {"alice@AD.LAB.TEST"}]
    assert 1 <= len(of_alice) <= 4, "one for each worker and tunnel: his connections are used again"


@pytest.mark.slow
def test_what_the_domain_does_not_allow_is_said(delegating):
    d = delegating(parent="HTTP/otherparent.ad.lab.test")
    answer, = d.curl("alice", f"http://{d.authority}/")
    assert answer.status == 502 and "delegation-refused" in answer.body and "12201" in answer.body and "AllowedToDelegateTo" in answer.body
    assert not of_clients(d.parent)
    d = delegating()
    answer, = d.curl("alice", f"http://{d.authority}/", forwardable=False)
    assert answer.status == 502 and "delegation-refused" in answer.body, "evidence that may not be forwarded"
    answer, = d.curl("bob", f"http://{d.authority}/")
    assert answer.status == 200
