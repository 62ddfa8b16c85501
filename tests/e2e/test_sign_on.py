"""Clients sign in to the proxy: every scheme, by every verifier, and what the sign-in is good for afterwards."""

import base64
import os
import re
import subprocess
import time

import pytest

import ntlm
from lab import echo, wire
from lab.curl import PASSWORDS, curl
from lab.curl import ntlm as origin_ntlm
from lab.domain import Domain
from lab.echo import Echo
from lab.fairlead import absolute
from lab.processes import Process, free_port, wait_until
from lab.proxy_signin import (Accounts, network_of, proxy_basic, proxy_type1, proxy_type3, sign_in_to_proxy)
from lab.signin import type1_fields, type3_fields
from lab.winbind import Winbind
from lab.wire import Closed, ScriptedOrigin, ok
from test_browsers import drive, node  # noqa: F401 (a fixture)

ALL = 'sign-on = {negotiate, ntlm, basic}  basic-without-tls = true'
MACHINE = os.uname().nodename.split(".")[0].upper()
LOCAL_ALLOWED = 'access { action = allow  to = {"127.0.0.0/8"} }'


class Recorder(ScriptedOrigin):
    """Answers everything with 200 and keeps what came. No word of a sign-in to the proxy may come."""

    def __init__(self, authority=None):
        self.requests = []
        super().__init__(self._answer)
        if authority:
            self.authority = f"{authority}:{self.port}"

    def _answer(self, wire):
        while True:
            request = wire.request()
            assert request.get("Proxy-Authorization") is None, "credentials of the proxy reached the origin"
            self.requests.append(request)
            wire.send(ok(f"length={len(request.body)}"))

    def url(self, path="/"):
        return f"http://{self.authority}{path}"


@pytest.fixture
def origin():
    with Recorder() as o:
        yield o


@pytest.fixture(scope="module")
def local(lab):
    accounts = Accounts(lab, alice="Secret1")
    accounts.add("bob", "Secret2", groups="staff")
    return accounts


def of_local(accounts):
    return f'accounts local {{ file = "{accounts.file}" }}\n'


@pytest.fixture
def signing(fairlead, local, lab):
    """A proxy that all schemes sign in to, with local accounts. One worker, so that its log is in order."""
    def make(schemes=ALL, accounts=local, more="", **pieces):
        return fairlead(listen=f"{schemes}  accounts = {{local}}", more=of_local(accounts) + more, **{"workers": 1, **pieces})
    return make


class Verifier:
    """A proxy with one kind of accounts, and how its users are named and reached."""

    def __init__(self, kind, fairlead, lab, local, schemes=ALL, **pieces):
        from lab.kdc import Kdc
        self.kind, self.prefix, self.network, self.lab = kind, [], None, lab
        self.name, self.claim, self.shown = "proxy.lab.test", "LAB", r"LAB\alice"
        if kind == "domain":
            domain = lab.part(Domain)
            self.name, self.claim, self.shown, self.prefix = "proxy.ad.lab.test", "ADLAB", r"ADLAB\alice", domain.inside("mb1")
            self.network = lambda: network_of(domain.hosts["mb1"].pid)
            self.ticket, keytab, env = {"KRB5CCNAME": domain.ticket("alice")}, domain.keytab, {}
        else:
            kdc = lab.part(Kdc)
            self.ticket, keytab, env = kdc.client_env("alice"), kdc.keytab, {"KRB5_CONFIG": kdc.config}
            if kind == "winbind":
                self.prefix = lab.part(Winbind).inside()
            else:
                self.claim, self.shown = MACHINE, "alice"
        accounts = of_local(local) if kind == "local" else "accounts local { windows-domain = winbind }\n"
        self.proxy = fairlead(name=self.name, listen=f"{schemes}  accounts = {{local}}", prefix=self.prefix, env=env,
                              network=self.network, more=accounts + f'kerberos {{ keytab = "{keytab}" }}', **pieces)

    def curl(self, scheme, urls, password="Secret1"):
        env = {}
        if scheme in ("basic", "ntlm"):
            user = "alice" if self.kind == "local" else f"{self.claim}\\alice"
            options = [f"--proxy-{scheme}", "-U", f"{user}:{password}"]
        else:
            options = ["--proxy-negotiate", "-U", ":"]
            env = self.ticket
            if scheme == "negotiate-ntlm":
                file = self.lab.write(f"ntlm-user-{self.kind}", f"{self.claim}:alice:{password}\n")
                env = {**self.ticket, "KRB5CCNAME": "/none", "NTLM_USER_FILE": file}
        address = f"{self.name}:{self.proxy.port}"
        prefix = self.prefix if self.kind == "domain" else ()
        return curl(f"http://{address}", urls, *options, "--resolve", f"{address}:127.0.0.1", env=env, prefix=prefix)


KINDS = pytest.mark.parametrize("kind", ["local", "winbind", pytest.param("domain", marks=pytest.mark.slow)])


@pytest.fixture
def verifier(kind, fairlead, lab, local):
    return Verifier(kind, fairlead, lab, local)


@pytest.fixture
def page(verifier):
    """An origin that the proxy of `verifier` reaches."""
    if verifier.network is None:
        with Recorder() as o:
            yield o
    else:
        with verifier.network():
            o = Recorder("127.0.0.1")
        with o:
            yield o


def users_of(rows):
    return [r["cs-username"].replace("\\\\", "\\") for r in rows]


# ---- the matrix


@KINDS
@pytest.mark.parametrize("scheme", ["basic", "ntlm", "kerberos", "negotiate-ntlm"])
def test_curl_gets_ten_pages_with_one_handshake(verifier, page, scheme):
    shown = r"LAB\alice" if (verifier.kind, scheme) == ("local", "kerberos") else verifier.shown
    answers = verifier.curl(scheme, [page.url(f"/{i}") for i in range(10)])
    assert [a.status for a in answers] == [200] * 10, answers
    assert sum(a.connects for a in answers) == 1 and len(page.requests) == 10
    legs = {"basic": [], "kerberos": []}.get(scheme, ["407"])
    rows = verifier.proxy.log(10 + len(legs))
    assert [r["sc-status"] for r in rows] == legs + ["200"] * 10
    assert users_of(rows) == ["-"] * len(legs) + [shown] * 10
    assert rows[len(legs)]["x-proxy-leg"] == {"basic": "basic", "ntlm": "ntlm-3", "kerberos": "kerberos",
                                              "negotiate-ntlm": "ntlm-3"}[scheme]


@KINDS
@pytest.mark.parametrize("scheme", ["basic", "ntlm", "negotiate-ntlm"])
def test_curl_with_a_wrong_password_is_asked_again(verifier, page, scheme):
    answer, = verifier.curl(scheme, page.url(), password="wrong")
    assert answer.status == 407 and not page.requests
    answer, = verifier.curl(scheme, page.url())
    assert answer.status == 200


@KINDS
@pytest.mark.parametrize("scheme, wrapped", [("NTLM", False), ("Negotiate", False), ("Negotiate", True)])
def test_the_clients_of_ours_sign_in_and_post(verifier, page, scheme, wrapped):
    domain = "" if verifier.kind == "local" else verifier.claim
    with verifier.proxy.connect() as c:
        answer = sign_in_to_proxy(c, page.authority, "alice", domain=domain, scheme=scheme, wrapped=wrapped, method="POST", body="x" * 5000)
        assert (answer.status, answer.body) == (200, b"length=5000")
        for _ in range(5):
            assert c.ask(absolute(page.authority)).status == 200
    rows = verifier.proxy.log(7)
    assert users_of(rows) == ["-"] + [verifier.shown] * 6
    assert verifier.proxy.metric("sign_ins_total") == 1


def chromium(node, lab, proxy, url, env=None, **options):  # noqa: F811
    return drive(node, "chromium.js", env=env, url=url, proxy=f"http://proxy.lab.test:{proxy.port}",
                 profile=lab.folder(f"chromium{lab.number('chromium')}"), **options)


@pytest.mark.parametrize("kind, scheme", [("local", "basic"), ("local", "ntlm"), ("winbind", "ntlm"), ("local", "kerberos")])
def test_chromium_signs_in(fairlead, lab, local, node, kind, scheme):  # noqa: F811
    v = Verifier(kind, fairlead, lab, local, ALL if scheme == "kerberos" else f"sign-on = {{{scheme}}}  basic-without-tls = true",
                 workers=1)
    page = lab.part(Echo)
    user = {} if scheme == "kerberos" else {"proxyUser": "alice" if kind == "local" else r"LAB\alice", "proxyPassword": "Secret1"}
    seen = chromium(node, lab, v.proxy, f"http://origin.lab.test:{page.port}/page", env=v.ticket if scheme == "kerberos" else None, **user)
    assert seen["status"] == 200 and len([a for a in seen["answers"] if a["status"] == 200]) >= echo.PAGE_PARTS
    rows = [r for r in v.proxy.log(echo.PAGE_PARTS + 1) if f":{page.port}/" in r["cs-uri"]]
    good = [r for r in rows if r["sc-status"] == "200"]
    assert len(good) >= echo.PAGE_PARTS + 1
    assert set(users_of(good)) == {r"LAB\alice" if kind == "winbind" or scheme == "kerberos" else "alice"}
    if scheme == "ntlm":  # one handshake a connection
        for number in {r["x-client-connection"] for r in good}:
            statuses = [r["sc-status"] for r in rows if r["x-client-connection"] == number]
            assert "407" not in statuses[statuses.index("200"):]


@pytest.mark.parametrize("kind, scheme", [("local", "ntlm"), ("local", "kerberos")])
def test_firefox_signs_in(fairlead, lab, local, node, kind, scheme):  # noqa: F811
    v = Verifier(kind, fairlead, lab, local, ALL if scheme == "kerberos" else "sign-on = {ntlm}", workers=1)
    page = lab.part(Echo)
    user = {"user": "alice", "password": "Secret1"} if scheme == "ntlm" else {}
    seen = drive(node, "firefox.mjs", env=v.ticket, url=f"http://origin.lab.test:{page.port}/page",
                 proxy=f"proxy.lab.test:{v.proxy.port}", home=lab.folder(f"firefox{lab.number('firefox')}"), **user)
    assert seen["status"] == 200
    good = [r for r in v.proxy.log(echo.PAGE_PARTS + 1) if r["sc-status"] == "200" and f":{page.port}/" in r["cs-uri"]]
    assert len(good) >= echo.PAGE_PARTS + 1
    assert set(users_of(good)) == {r"LAB\alice" if scheme == "kerberos" else "alice"}


# ---- refusals


def same_but_for_names(answer):
    text = "\n".join([answer.start] + [f"{k}: {v}" for k, v in answer.fields if k.lower() != "date"]) + answer.body.decode()
    return re.sub(r"[0-9a-f]{6,}(-[0-9a-f]+)*", "ID", text)


def refused(proxy, authority, user, password, scheme):
    with proxy.connect() as c:
        if scheme == "Basic":
            return c.ask(absolute(authority, fields=proxy_basic(user, password)))
        return sign_in_to_proxy(c, authority, user, password=password, scheme=scheme)


@pytest.mark.parametrize("scheme", ["Basic", "NTLM", "Negotiate"])
def test_wrong_password_unknown_and_disabled_are_told_alike(signing, origin, lab, scheme):
    accounts = Accounts(lab, alice="Secret1", off="Secret4")
    accounts.disable("off")
    proxy = signing(accounts=accounts)
    answers = [refused(proxy, origin.authority, *who, scheme) for who in
               (("alice", "wrong"), ("nobody", "Secret1"), ("off", "Secret4"), ("off", "wrong"))]
    assert [a.status for a in answers] == [407] * 4
    assert len({same_but_for_names(a) for a in answers}) == 1
    assert len(answers[0].all("Proxy-Authenticate")) == 3, "the refusal offers again"
    rows = [r for r in proxy.log(4) if r["x-end"] == "sign-in-refused"]
    assert [r["sc-win32-status"] for r in rows] == ["1326", "1326", "1331", "1326"]
    assert not origin.requests
    assert proxy.metric("sign_ins_refused_total") == 4


def test_an_unknown_name_costs_basic_as_much_as_a_wrong_password(signing, origin):
    proxy = signing()

    def cost(user):
        times = []
        for i in range(7):
            begin = time.monotonic()
            assert refused(proxy, origin.authority, user, f"wrong{i}", "Basic").status == 407
            times.append(time.monotonic() - begin)
        return min(times)

    known, unknown = cost("alice"), cost("nobody")
    assert 0.4 < known / unknown < 2.5, (known, unknown)


def test_garbage_is_refused_and_the_connection_lives(signing, origin):
    with signing().connect() as c:
        for value in ("NTLM !!!", "NTLM", "NTLM AAAA", "Negotiate YAAA", "Basic", "Basic ====", "Bearer abc", "NTLM TlRMTVNTUAAD", ",", "=="):
            answer = c.ask(absolute(origin.authority, fields=f"Proxy-Authorization: {value}\r\n"))
            assert answer.status in (407, 400), value
            if answer.closes:
                break
        else:
            assert sign_in_to_proxy(c, origin.authority, "alice").status == 200
    assert len(origin.requests) <= 1


def test_a_type_3_that_nobody_asked_for_is_refused(signing, origin):
    proxy = signing()
    with proxy.connect() as one, proxy.connect() as two:
        challenge = one.ask(absolute(origin.authority, fields=proxy_type1()))
        assert two.ask(absolute(origin.authority, fields=proxy_type3(challenge, "alice"))).status == 407
        answer = proxy_type3(challenge, "alice")
        assert one.ask(absolute(origin.authority, fields=answer)).status == 200
        assert two.ask(absolute(origin.authority, fields=answer)).status == 407, "a replayed type 3"
        assert two.ask(absolute(origin.authority)).status == 407
    assert len(origin.requests) == 1


def test_a_repeated_type_3_changes_nothing(signing, origin):
    """As Chromium repeats it. Only the connection counts: not whom the repeated message claims to be, and not after a refusal."""
    proxy = signing()
    with proxy.connect() as c:
        challenge = c.ask(absolute(origin.authority, fields=proxy_type1()))
        for user in ("alice", "alice", "bob"):
            assert c.ask(absolute(origin.authority, fields=proxy_type3(challenge, user))).status == 200
        assert users_of(proxy.log(4)) == ["-"] + ["alice"] * 3
        challenge = c.ask(absolute(origin.authority, fields=proxy_type1()))
        assert c.ask(absolute(origin.authority, fields=proxy_type3(challenge, "bob", "wrong"))).status == 407
        assert c.ask(absolute(origin.authority)).status == 407, "who failed is not who was there before"
        assert c.ask(absolute(origin.authority, fields=proxy_type3(challenge, "bob"))).status == 407


# ---- what lives on the connection


def test_a_disabled_account_ends_with_the_next_request(signing, origin, lab):
    accounts = Accounts(lab, alice="Secret1", bob="Secret2")
    proxy = signing(accounts=accounts)
    with proxy.connect() as alice, proxy.connect() as bob:
        assert sign_in_to_proxy(alice, origin.authority, "alice").status == 200
        assert sign_in_to_proxy(bob, origin.authority, "bob").status == 200
        accounts.disable("alice")
        assert alice.ask(absolute(origin.authority)).status == 407
        assert bob.ask(absolute(origin.authority)).status == 200, "the others go on"
        assert sign_in_to_proxy(alice, origin.authority, "alice").status == 407
        accounts.enable("alice")
        assert sign_in_to_proxy(alice, origin.authority, "alice").status == 200
        accounts.remove("alice")
        assert alice.ask(absolute(origin.authority)).status == 407
    basic = absolute(origin.authority, fields=proxy_basic("bob", "Secret2"))
    assert proxy.ask(basic).status == 200
    accounts.disable("bob")
    assert proxy.ask(basic).status == 407, "a remembered password does not outlive the account"


def test_a_changed_password_counts_at_once(signing, origin, lab):
    accounts = Accounts(lab, alice="Secret1")
    proxy = signing(accounts=accounts)
    basic = absolute(origin.authority, fields=proxy_basic("alice", "Secret1"))
    with proxy.connect() as c:
        assert proxy.ask(basic).status == 200
        assert sign_in_to_proxy(c, origin.authority, "alice").status == 200
        accounts.set_password("alice", "Another9")
        assert proxy.ask(basic).status == 407
        assert c.ask(absolute(origin.authority)).status == 407
        assert sign_in_to_proxy(c, origin.authority, "alice", password="Secret1").status == 407
        assert sign_in_to_proxy(c, origin.authority, "alice", password="Another9").status == 200
    assert proxy.ask(absolute(origin.authority, fields=proxy_basic("alice", "Another9"))).status == 200


def test_a_type_1_is_always_answered_by_a_challenge(signing, origin):
    with signing().connect() as c:
        assert sign_in_to_proxy(c, origin.authority, "alice").status == 200
        for scheme, wrapped in (("NTLM", False), ("Negotiate", False), ("Negotiate", True)):
            answer = c.ask(absolute(origin.authority, fields=proxy_type1(scheme, wrapped)))
            assert answer.status == 407 and re.match(rf"{scheme} [A-Za-z0-9+/=]+$", answer.get("Proxy-Authenticate"))
    with signing(schemes="sign-on = {anonymous, ntlm}").connect() as c:
        assert c.ask(absolute(origin.authority, fields=proxy_type1())).status == 407, "also where nobody has to"


def test_one_user_after_the_other_on_one_connection(signing, origin):
    proxy = signing()
    with proxy.connect() as c:
        for user in ("alice", "bob", "alice"):
            assert sign_in_to_proxy(c, origin.authority, user).status == 200
            assert c.ask(absolute(origin.authority)).status == 200
    rows = proxy.log(9)
    assert users_of([r for r in rows if r["sc-status"] == "200"]) == ["alice"] * 2 + ["bob"] * 2 + ["alice"] * 2


def test_a_failed_second_sign_in_does_not_leave_the_first_in_force(signing, origin):
    proxy = signing()
    with proxy.connect() as c:
        assert sign_in_to_proxy(c, origin.authority, "alice").status == 200
        assert sign_in_to_proxy(c, origin.authority, "bob", password="wrong").status == 407
        assert c.ask(absolute(origin.authority)).status == 407
    assert "bob" not in users_of(proxy.log(5))


def test_behind_an_unnamed_front_each_request_signs_in(signing, origin):
    forwarded = "X-Forwarded-For: 10.1.1.1\r\n"
    proxy = signing()
    with proxy.connect() as c:
        assert sign_in_to_proxy(c, origin.authority, "alice", fields=forwarded).status == 200
        assert c.ask(absolute(origin.authority, fields=forwarded)).status == 407
        assert c.ask(absolute(origin.authority, fields=forwarded + proxy_basic("bob", "Secret2"))).status == 200
        assert c.ask(absolute(origin.authority, fields="X-Forwarded-For: 10.1.1.2\r\n")).status == 407
    assert users_of([r for r in proxy.log(5) if r["sc-status"] == "200"]) == ["alice", "bob"]


def test_behind_a_named_front_the_connection_counts(signing, origin):
    forwarded = "X-Forwarded-For: 10.1.1.1\r\nVia: 1.1 front\r\n"
    with signing(schemes=ALL + '  intermediaries = {"127.0.0.1"}').connect() as c:
        assert sign_in_to_proxy(c, origin.authority, "alice", fields=forwarded).status == 200
        assert c.ask(absolute(origin.authority, fields=forwarded)).status == 200
        try:  # another client behind the front is not alice
            assert c.ask(absolute(origin.authority, fields="X-Forwarded-For: 10.1.1.9\r\nVia: 1.1 front\r\n")).status == 407
        except Closed:
            pass


# ---- who has to


def test_group_and_user_rules(signing, origin):
    proxy = signing(access='access { action = allow  groups = {"staff"}  to = {"*.lab.test", "127.0.0.0/8"} }')
    with proxy.connect() as c:
        assert sign_in_to_proxy(c, origin.authority, "bob").status == 200
    with proxy.connect() as c:
        answer = sign_in_to_proxy(c, origin.authority, "alice")
        assert answer.status == 403 and not answer.closes
    rows = proxy.log(4)
    assert users_of([r for r in rows if r["sc-status"] == "403"]) == ["alice"]
    proxy = signing(access='access { action = deny  groups = {"staff"} }\n' + LOCAL_ALLOWED)
    assert [refused(proxy, origin.authority, u, PASSWORDS[u], "NTLM").status for u in ("alice", "bob")] == [200, 403]
    proxy = signing(access='access { action = allow  users = {"alice"}  to = {"*.lab.test", "127.0.0.0/8"} }')
    assert [refused(proxy, origin.authority, u, PASSWORDS[u], "Basic").status for u in ("alice", "bob")] == [200, 403]


@pytest.mark.slow
def test_group_rules_of_a_windows_domain(fairlead, lab, local):
    v = Verifier("domain", fairlead, lab, local, access=r"""access { action = allow  groups = {'ADLAB\webusers'}  to = {"127.0.0.0/8"} }""")
    with v.network():
        o = Recorder("127.0.0.1")
    with o:
        for user, status in (("alice", 200), ("bob", 403)):
            with v.proxy.connect() as c:
                assert sign_in_to_proxy(c, o.authority, user, domain="ADLAB").status == status
        kerberos, = v.curl("kerberos", o.url())
        assert kerberos.status == 200, "the same groups by the ticket"


@pytest.mark.parametrize("rules, status", [
    (r"action = deny  groups = {'LAB\Temps'}", 403),
    (r"action = allow  groups = {'LAB\Staff'}", 403),
    ('action = deny  groups = {"temps"}', 200),
    (r"action = deny  users = {'LAB\bob'}", 200),
], ids=["denied", "not allowed", "a local group", "no groups"])
def test_a_ticket_that_says_no_groups(fairlead, lab, local, rules, status):
    """An MIT realm knows none, and winbind does not know this account: it may be of any group that is denied, and of none that is allowed."""
    v = Verifier("local", fairlead, lab, local, access=f"access {{ {rules} }}\n" + ("" if "allow" in rules else LOCAL_ALLOWED))
    with Recorder() as o:
        answer, = v.curl("kerberos", o.url())
        assert answer.status == status and len(o.requests) == (status == 200)


def test_a_rule_that_names_users_asks_while_others_pass(signing, origin):
    proxy = signing(schemes="sign-on = {anonymous, ntlm, basic}  basic-without-tls = true", access="""
access { action = allow  users = {"alice"}  to = {"site1.lab.test"} }
access { action = deny  users = {"bob"}  to = {"site1.lab.test"} }
access { action = allow  to = {"*.lab.test", "127.0.0.0/8"} }""")
    secret = f"site1.lab.test:{origin.port}"
    with proxy.connect() as c:
        assert c.ask(absolute(origin.authority)).status == 200
        asked = c.ask(absolute(secret))
        assert asked.status == 407 and [v.split(" ")[0] for v in asked.all("Proxy-Authenticate")] == ["NTLM", "Basic"]
        assert c.ask(absolute(origin.authority, fields=proxy_basic("alice", "wrong"))).status == 407, "who offers is verified"
        assert c.ask(absolute(secret, fields=proxy_basic("bob", "Secret2"))).status == 403
        assert c.ask(absolute(secret, fields=proxy_basic("alice", "Secret1"))).status == 200
        assert c.ask(absolute(origin.authority)).status == 200


def test_a_rule_that_names_users_refuses_where_nobody_is_asked(signing, origin):
    other = free_port()
    proxy = signing(access='access { action = allow  users = {"alice"}  to = {"*.lab.test", "127.0.0.0/8"} }',
                    more=f'listen "127.0.0.1:{other}" {{ }}\n')
    for _ in range(2):
        with wire.connect(other, 10) as c:
            answer = c.ask(absolute(origin.authority, fields=proxy_basic("alice", "Secret1")))
            assert answer.status == 403 and answer.get("Proxy-Authenticate") is None
    assert proxy.ask(absolute(origin.authority, fields=proxy_basic("alice", "Secret1"))).status == 200


def test_what_cannot_sign_in_passes_by_a_rule(signing, origin):
    proxy = signing(access="""access { action = allow  sign-on = none  to = {"site2.lab.test"} }
access { action = deny  sign-on = none  to = {"site3.lab.test"} }
""" + LOCAL_ALLOWED)
    at = lambda name: absolute(f"{name}.lab.test:{origin.port}")
    with proxy.connect() as c:
        statuses = {name: c.ask(at(name)).status for name in ("site1", "site2", "site3")}
    assert statuses["site1"] == 407 and statuses["site3"] == 403
    assert statuses["site2"] == 200


# ---- forms of requests


def test_connect_with_sign_in(signing, origin):
    proxy = signing()
    with proxy.connect() as c:
        bare = c.ask(f"CONNECT {origin.authority} HTTP/1.1\r\nHost: {origin.authority}\r\n\r\n")
        assert bare.status == 407 and not bare.closes and len(bare.all("Proxy-Authenticate")) == 3
        assert sign_in_to_proxy(c, origin.authority, "alice", method="CONNECT").status == 200
        assert c.ask(f"GET / HTTP/1.1\r\nHost: {origin.authority}\r\n\r\n").body == b"length=0"
    for options in (["--proxy-ntlm", "-U", "alice:Secret1"], ["--proxy-basic", "-U", "bob:Secret2"]):
        answer, = curl(proxy.url, origin.url(), "-p", *options)
        assert answer.status == 200
    rows = [r for r in proxy.log(6) if r["cs-method"] == "CONNECT" and r["sc-status"] == "200"]
    assert users_of(rows) == ["alice", "alice", "bob"]


@pytest.mark.parametrize("expect", ["Expect:", "Expect: 100-continue"])
@pytest.mark.parametrize("auth", ["--proxy-ntlm", "--proxy-basic", "--proxy-anyauth"])
def test_curl_posts_a_megabyte(signing, lab, expect, auth):
    body = lab.write("a-megabyte", "0123456789abcdef" * 65536)
    page = lab.part(Echo)
    answers = curl(signing(schemes="sign-on = {ntlm, basic}  basic-without-tls = true").url, [f"http://origin.lab.test:{page.port}/"] * 3, auth, "-U", "alice:Secret1", "-H", expect,
                   "--data-binary", "@" + body)
    assert [(a.status, a.words.get("length")) for a in answers] == [(200, "1048576")] * 3


def test_a_body_is_not_asked_for_before_the_sign_in(signing, origin):
    """Expect: 100-continue is answered by the 407, and by 100 once the client has signed in."""
    fields = "Content-Length: 4\r\nExpect: 100-continue\r\n"
    with signing().connect() as c:
        c.send(absolute(origin.authority, "/", "POST", fields))
        assert c.response().status == 407
    with signing().connect() as c:
        challenge = c.ask(absolute(origin.authority, fields=proxy_type1()))
        c.send(absolute(origin.authority, "/", "POST", fields + proxy_type3(challenge, "alice")))
        c.send("body")
        while (answer := c.response()).status == 100:
            pass
        assert (answer.status, answer.body) == (200, b"length=4")


def test_a_body_goes_along_with_every_leg(signing, origin):
    """As Java and some .NET clients do. However long it is: the sign-in needs its connection."""
    body = "x" * 1_000_000
    length = f"Content-Length: {len(body)}\r\n"
    with signing().connect() as c:
        challenge = c.ask(absolute(origin.authority, "/", "POST", proxy_type1() + length, body))
        assert challenge.status == 407 and not challenge.closes
        answer = c.ask(absolute(origin.authority, "/", "POST", proxy_type3(challenge, "alice") + length, body))
        assert (answer.status, answer.body) == (200, b"length=1000000")


def test_a_body_that_waits_is_taken_with_a_leg(signing, origin):
    """Expect and a length together with type 1: the connection must last."""
    fields = "Content-Length: 4\r\nExpect: 100-continue\r\n"
    with signing().connect() as c:
        c.send(absolute(origin.authority, "/", "POST", fields + proxy_type1()))
        assert c.response().status == 100
        c.send("body")
        challenge = c.response()
        assert challenge.status == 407 and not challenge.closes
        c.send(absolute(origin.authority, "/", "POST", fields + proxy_type3(challenge, "alice")))
        c.send("body")
        while (answer := c.response()).status == 100:
            pass
        assert (answer.status, answer.body) == (200, b"length=4")
    empty = "Content-Length: 0\r\nExpect: 100-continue\r\n"
    with signing().connect() as c:
        assert c.ask(absolute(origin.authority, "/", "POST", empty + proxy_type1())).status == 407
        assert c.ask(absolute(origin.authority)).status == 407, "and nothing is awaited"


def test_a_client_of_http_1_0_is_offered_basic_alone(signing, origin):
    proxy = signing()
    old = proxy.ask(absolute(origin.authority, version="1.0"))
    assert old.status == 407 and [v.split(" ")[0] for v in old.all("Proxy-Authenticate")] == ["Basic"]
    kept = proxy.ask(absolute(origin.authority, version="1.0", fields="Connection: keep-alive\r\n"))
    assert [v.split(" ")[0] for v in kept.all("Proxy-Authenticate")] == ["Negotiate", "NTLM", "Basic"]
    assert proxy.ask(absolute(origin.authority, version="1.0", fields=proxy_basic("alice", "Secret1"))).status == 200


def test_basic_is_not_offered_on_a_plain_connection_unless_set(signing, origin):
    proxy = signing(schemes="sign-on = {ntlm, basic}")
    answer = proxy.ask(absolute(origin.authority))
    assert [v.split(" ")[0] for v in answer.all("Proxy-Authenticate")] == ["NTLM"]
    assert proxy.ask(absolute(origin.authority, fields=proxy_basic("alice", "Secret1"))).status == 407


# ---- with a sign-in to the origin


def test_curl_signs_in_to_proxy_and_origin_as_two_users(signing, ntlm_origin):
    proxy = signing()
    answers = curl(proxy.url, [ntlm_origin.url(f"/{i}") for i in range(10)], "--proxy-ntlm", "-U", "alice:Secret1", *origin_ntlm("bob"))
    assert [(a.status, a.words.get("user")) for a in answers] == [(200, r"LAB\bob")] * 10
    assert sum(a.connects for a in answers) == 1
    good = [r for r in proxy.log(12) if r["sc-status"] == "200"]
    assert users_of(good) == ["alice"] * 10
    assert len({r["x-client-connection"] for r in good}) == 1


def test_chromium_signs_in_to_proxy_and_origin_as_two_users(signing, ntlm_origin, node, lab):  # noqa: F811
    proxy, mark = signing(schemes="sign-on = {ntlm}"), ntlm_origin.mark()
    seen = chromium(node, lab, proxy, ntlm_origin.url("/page"), proxyUser="alice", proxyPassword="Secret1", user=r"LAB\bob",
                    password="Secret2")
    assert seen["status"] == 200 and "bob" in seen["text"]
    good = [r for r in ntlm_origin.since(mark) if r["status"] == "200"]
    assert len(good) >= echo.PAGE_PARTS + 1 and {r["user"].split("\\")[-1] for r in good} == {"bob"}
    assert set(users_of([r for r in proxy.log(echo.PAGE_PARTS + 1) if r["sc-status"] == "200" and "ntlm.lab.test" in r["cs-uri"]])) == {"alice"}


def test_another_proxy_user_ends_the_origins_sign_in(signing, ntlm_origin):
    """Bob signs in to the proxy on alice's connection, which holds her sign-in to an origin: her origin connection is not his."""
    authority = f"ntlm.lab.test:{ntlm_origin.port}"
    with signing().connect() as c:
        challenge = sign_in_to_proxy(c, authority, "alice", fields=type1_fields())
        assert challenge.status == 401
        assert c.ask(absolute(authority, fields=type3_fields(challenge, "alice"))).status == 200
        try:
            answer = sign_in_to_proxy(c, authority, "bob")
            assert answer.status != 200, answer.body
        except Closed:
            pass


# ---- what is written down


def test_the_log_tells_the_legs(signing, origin):
    proxy = signing()
    with proxy.connect() as c:
        c.ask(absolute(origin.authority))
        sign_in_to_proxy(c, origin.authority, "alice")
        sign_in_to_proxy(c, origin.authority, "alice", password="wrong")
        c.ask(absolute(origin.authority, fields=proxy_basic("bob", "Secret2")))
    rows = proxy.log(6)
    told = [(r["sc-status"], r["sc-substatus"], r["sc-win32-status"], r["x-proxy-leg"], r["x-end"]) for r in rows]
    assert told == [("407", "2", "5", "-", "sign-in-wanted"),
                    ("407", "1", "2148074254", "ntlm-1", "sign-in-leg"),
                    ("200", "0", "0", "ntlm-3", "ok"),
                    ("407", "1", "2148074254", "ntlm-1", "sign-in-leg"),
                    ("407", "1", "1326", "ntlm-3", "sign-in-refused"),
                    ("200", "0", "0", "basic", "ok")]
    assert rows[4]["x-detail"].startswith("wrong-password")
    everything = "".join(open(p).read() for p in (proxy.access_file, proxy.events_file)) + proxy.process.printed()
    for secret in ("Secret1", "Secret2", base64.b64encode(b"bob:Secret2").decode()):
        assert secret not in everything


# ---- when the verifier is away


def test_without_winbind_the_others_go_on(fairlead, lab, local, origin):
    winbind = Winbind(lab)
    proxy = fairlead(listen=f"{ALL}  accounts = {{corp, local}}", prefix=winbind.inside(),
                     more=of_local(local) + "accounts corp { windows-domain = winbind }")
    ask = lambda user, domain: refused_by(proxy, origin.authority, user, domain)
    assert ask("alice", "LAB").status == 200
    with proxy.connect() as signed_in:
        assert sign_in_to_proxy(signed_in, origin.authority, "alice", domain="LAB").status == 200
        winbind.process.end()
        answer = ask("bob", "LAB")
        assert answer.status == 503 and answer.all("Retry-After") == ["5"]
        assert b"winbind" in answer.body and "sign-in-unavailable" in answer.get("Proxy-Status")
        basic = proxy.ask(absolute(origin.authority, fields=proxy_basic(r"LAB\alice", "Secret1")))
        assert basic.status in (200, 503)
        assert ask("alice", "").status == 200, "a local account needs no winbind"
        assert signed_in.ask(absolute(origin.authority)).status == 200, "who has signed in stays so"
    assert proxy.metric("sign_ins_unavailable_total") >= 1
    again = Process(lab, "winbindd-again", ["nsenter", "-t", str(proxy.process.pid), "-m", "--", "sh", "-c",
                                            "chmod 750 /var/lib/samba/winbindd_privileged; exec winbindd -F --no-process-group"])
    try:
        wait_until(lambda: ask("bob", "LAB").status == 200, "winbind to be used again", 15, 0.2)
    finally:
        again.end()


def refused_by(proxy, authority, user, domain):
    with proxy.connect() as c:
        return sign_in_to_proxy(c, authority, user, domain=domain)
