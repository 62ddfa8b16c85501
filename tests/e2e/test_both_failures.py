"""Both failures at once: client -> our proxy, which signs its clients in by NTLM -> a parent that demands NTLM of our proxy -> a site that demands
NTLM of the user. Two users at two layers, the proxy's own account at the third; right identities everywhere, and in all logs."""

import concurrent.futures
import random

import pytest

from lab import echo
from lab.curl import PASSWORDS, curl
from lab.fairlead import absolute
from lab.parents import Parent
from lab.processes import wait_until
from lab.proxy_signin import Accounts, sign_in_to_proxy
from lab.signin import type1_fields, type3_fields
from test_browsers import drive, node  # noqa: F401 (a fixture)

PASSWORD = "Canary-4711-svc"
OTHER = {"alice": "bob", "bob": "alice"}


class Chain:
    """`a` is our proxy; `parent_users()` says whom its parent saw, `b` is the parent if it is one of ours."""

    def __init__(self, kind, lab, fairlead):
        secret = lab.write(f"secret{lab.number('secret')}", PASSWORD + "\n", 0o600)
        self.squid = self.b = None
        if kind == "fairlead":
            service = Accounts(lab, svc=PASSWORD)
            self.b = fairlead(name="proxy2.lab.test", listen='sign-on = {ntlm}  accounts = {local}  intermediaries = {"127.0.0.1"}',
                              more=f'accounts local {{ file = "{service.file}" }}')
            port, account, self.service = self.b.port, "svc", "svc"
        else:
            self.squid = Parent(lab, "ntlm")
            port, account, self.service = self.squid.port, r"LAB\svc", r"LAB\svc"
        users = Accounts(lab, **PASSWORDS)
        self.a = fairlead(listen="sign-on = {ntlm}  accounts = {local}", more=f'accounts local {{ file = "{users.file}" }}',
                          upstreams=f"""upstream office {{ member "127.0.0.1:{port}" {{ }}
    credentials {{ scheme = {{ntlm}}  send = always  account = '{account}'  password-file = "{secret}" }} }}""",
                          routes='route { to = {"*"}  via = office }')

    def parent_rows(self):
        """(status, user) of the requests that reached the parent, our own questions left out."""
        if self.b:
            return [(r["sc-status"], r["cs-username"]) for r in self.b.log(1) if r["cs-method"] == "GET"]
        return [(r["status"], r["user"].replace("%5C", "\\").replace("\\\\", "\\")) for r in self.squid.since() if r["method"] == "GET"]


@pytest.fixture(params=["squid", "fairlead"])
def ways(request, lab, fairlead):
    return Chain(request.param, lab, fairlead)


def right_everywhere(ways, origin, mark, answered):
    """`answered`: how many pages each user of the *proxy* got; each signed in to the site as the other one."""
    total = sum(answered.values())
    wait_until(lambda: len([r for r in origin.since(mark) if r["status"] == "200"]) >= total, "the site's log")
    good = [r["user"].split("\\")[-1] for r in origin.since(mark) if r["status"] == "200"]
    assert {u: good.count(OTHER[u]) for u in answered} == answered and len(good) == total
    of_ours = lambda: [r for r in ways.a.log(total) if r["sc-status"] == "200"]
    wait_until(lambda: len(of_ours()) >= total, "our log")
    ours = of_ours()
    assert {u: len([r for r in ours if r["cs-username"] == u]) for u in answered} == answered and len(ours) == total
    wait_until(lambda: len(ways.parent_rows()) >= total, "the parent's log")
    rows = ways.parent_rows()
    assert {user for _, user in rows} == {ways.service}
    assert not [s for s, _ in rows if s == "407"], "no request of a client is ever asked for the proxy's sign-in"


@pytest.mark.parametrize("user", ["alice", "bob"])
def test_curl_gets_ten_pages(ways, ntlm_origin, user):
    mark = ntlm_origin.mark()
    answers = curl(ways.a.url, [ntlm_origin.url(f"/{i}") for i in range(10)], "--proxy-ntlm", "-U", f"{user}:{PASSWORDS[user]}",
                   "--ntlm", "-u", f"LAB\\{OTHER[user]}:{PASSWORDS[OTHER[user]]}")
    assert [(a.status, a.words.get("user")) for a in answers] == [(200, f"LAB\\{OTHER[user]}")] * 10
    assert sum(a.connects for a in answers) == 1
    right_everywhere(ways, ntlm_origin, mark, {user: 10})
    assert [r["status"] for r in ntlm_origin.since(mark)] == ["401"] + ["200"] * 10, "one handshake with the site"


def test_curl_posts_through_it_all(ways, ntlm_origin, lab):
    body = lab.write("both-body", "0123456789abcdef" * 20000)
    answers = curl(ways.a.url, [ntlm_origin.url()] * 3, "--proxy-ntlm", "-U", "alice:Secret1", "--ntlm", "-u", r"LAB\bob:Secret2",
                   "--data-binary", "@" + body)
    assert [(a.status, a.words.get("user"), a.words.get("length")) for a in answers] == [(200, r"LAB\bob", "320000")] * 3


def test_many_clients_of_two_users_interleaved(ways, ntlm_origin):
    """Every client signs in at both layers on its one connection, then asks in random order among the others; some end early, some never signed in
    to the site."""
    authority, mark = f"ntlm.lab.test:{ntlm_origin.port}", ntlm_origin.mark()

    def client(number):
        user = ("alice", "bob")[number % 2]
        other, rng, pages = OTHER[user], random.Random(number), 0
        for _ in range(2):  # connections
            with ways.a.connect(30) as c:
                challenge = sign_in_to_proxy(c, authority, user, fields=type1_fields())
                assert challenge.status == 401, (challenge.start, challenge.body)
                if rng.random() < 0.2:
                    continue  # gone in mid-handshake
                answer = c.ask(absolute(authority, fields=type3_fields(challenge, other)))
                for _ in range(rng.randrange(2, 12)):
                    assert answer.status == 200, (answer.start, answer.body)
                    assert echo.parse(answer.body.decode())["user"] == f"LAB\\{other}"
                    pages += 1
                    answer = c.ask(absolute(authority))
                assert echo.parse(answer.body.decode())["user"] == f"LAB\\{other}"
                pages += 1
        return user, pages

    def stranger(number):
        with ways.a.connect(30) as c:
            asked = c.ask(absolute(authority))
            assert asked.status == 407
            for _ in range(5):
                answer = sign_in_to_proxy(c, authority, ("alice", "bob")[number % 2])
                assert answer.status == 401, "who has not signed in to the site gets nobody's page"
        return None, 0

    answered = {"alice": 0, "bob": 0}
    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        jobs = [pool.submit(stranger if i % 6 == 5 else client, i) for i in range(48)]
        for job in jobs:
            user, pages = job.result()
            if user:
                answered[user] += pages
    assert min(answered.values()) > 50
    right_everywhere(ways, ntlm_origin, mark, answered)


@pytest.mark.parametrize("user", ["alice", "bob"])
def test_chromium_shows_a_page_with_twenty_parts(ways, ntlm_origin, node, lab, user):  # noqa: F811
    mark = ntlm_origin.mark()
    seen = drive(node, "chromium.js", url=ntlm_origin.url("/page"), proxy=f"http://127.0.0.1:{ways.a.port}", proxyUser=user,
                 proxyPassword=PASSWORDS[user], user=f"LAB\\{OTHER[user]}", password=PASSWORDS[OTHER[user]],
                 profile=lab.folder(f"chromium{lab.number('chromium')}"))
    assert seen["status"] == 200 and OTHER[user] in seen["text"]
    assert len([a for a in seen["answers"] if "/part" in a["url"] and a["status"] == 200]) == echo.PAGE_PARTS
    good = {r["user"].split("\\")[-1] for r in ntlm_origin.since(mark) if r["status"] == "200"}
    assert good == {OTHER[user]}
    ours = {r["cs-username"] for r in ways.a.log(echo.PAGE_PARTS) if r["sc-status"] == "200" and "ntlm.lab.test" in r["cs-uri"]}
    assert ours == {user}
    assert {u for s, u in ways.parent_rows() if s == "200"} == {ways.service}


def test_tunnels_through_both_sign_ins(ways, ntlm_origin):
    answers = curl(ways.a.url, [ntlm_origin.url(f"/{i}") for i in range(3)], "-p", "--proxy-ntlm", "-U", "alice:Secret1", "--ntlm",
                   "-u", r"LAB\bob:Secret2")
    assert [(a.status, a.words.get("user")) for a in answers] == [(200, r"LAB\bob")] * 3
    rows = wait_until(lambda: [r for r in ways.a.log(1) if r["cs-method"] == "CONNECT" and r["sc-status"] == "200"], "the tunnel's row")
    assert rows and {r["cs-username"] for r in rows} == {"alice"}
