"""Clients sign in to the parent themselves, through us: relay. Whose connection is whose is read from the parent's own log."""

import collections
import concurrent.futures
import hashlib
import random
import re
import threading

import pytest

from lab import echo, wire
from lab.curl import NEGOTIATE, PASSWORDS, curl
from lab.curl import ntlm as site_ntlm
from lab.echo import Echo
from lab.fairlead import absolute
from lab.kdc import Kdc
from lab.parents import Parent
from lab.processes import free_port, wait_until
from lab.proxy_signin import Accounts, proxy_authorization, proxy_basic, proxy_type1, proxy_type3, sign_in_to_proxy
from lab.signin import type1_fields, type3_fields
from lab.wire import Closed, ScriptedOrigin, ok
from test_browsers import drive, node  # noqa: F401 (a fixture)
from test_parents import BARE, challenge_of, kind_of, must_be_12201

RELAY = 'upstream office {{ member "{}:{}" {{ }}  credentials {{ scheme = {{relay}} }} }}'
ROUTES = 'route { to = {"site1.lab.test"}  via = direct }\nroute { to = {"*"}  via = office }'


@pytest.fixture
def relaying(fairlead):
    def make(port, host="127.0.0.1", **pieces):
        return fairlead(upstreams=RELAY.format(host, port), routes=ROUTES, **pieces)
    return make


@pytest.fixture
def page(lab):
    return f"origin.lab.test:{lab.part(Echo).port}"


@pytest.fixture
def squid(lab):
    return Parent(lab, "ntlm")


def proxy_ntlm(user):
    return ["--proxy-ntlm", "-U", f"LAB\\{user}:{PASSWORDS[user]}"]


def user_of(row):
    return row["user"].replace("%5C", "\\").split("\\")[-1]


def users_by_connection(parent):
    """Connection at the parent -> the users it served, nobody left out."""
    found = collections.defaultdict(set)
    for row in parent.since():
        if user_of(row) != "-":
            found[row["conn"]].add(user_of(row))
    return found


def settled(parent, n):
    return wait_until(lambda: len(parent.since()) >= n and parent.since(), f"{n} rows of the parent")


# ---- what works


def test_ten_pages_and_one_handshake(relaying, squid, page):
    proxy = relaying(squid.port)
    answers = curl(proxy.url, [f"http://{page}/{i}" for i in range(10)], *proxy_ntlm("alice"))
    assert [a.status for a in answers] == [200] * 10 and sum(a.connects for a in answers) == 1
    rows = settled(squid, 11)
    assert len(squid.proofs()) == 1 and len({r["conn"] for r in rows if r["status"] == "200"}) == 1
    assert {user_of(r) for r in rows if r["status"] == "200"} == {"alice"}
    assert proxy.metric("challenges_relayed_total") >= 1 and proxy.metric("pins_signed_in_total") == 1
    assert [r["sc-status"] for r in proxy.log(11)].count("407") <= 2


def test_several_sites_over_the_one_connection(relaying, squid, page):
    port = page.split(":")[1]
    proxy = relaying(squid.port)
    answers = curl(proxy.url, [f"http://site{i}.lab.test:{port}/" for i in (2, 3, 4, 2, 5)], *proxy_ntlm("bob"))
    assert [a.status for a in answers] == [200] * 5
    settled(squid, 6)
    assert len(squid.proofs()) == 1 and set().union(*users_by_connection(squid).values()) == {"bob"}


def test_tunnels(relaying, squid, page):
    proxy = relaying(squid.port)
    for user in ("alice", "bob"):
        answer, = curl(proxy.url, f"http://{page}/tunnel", "-p", *proxy_ntlm(user))
        assert answer.status == 200
    rows = lambda: [r for r in squid.since() if r["status"] == "200"]
    wait_until(lambda: len(rows()) == 2, "the rows of the tunnels")
    assert [(r["method"], user_of(r)) for r in rows()] == [("CONNECT", "alice"), ("CONNECT", "bob")]


def test_a_407_to_connect_keeps_both_connections(relaying, squid, page):
    with relaying(squid.port).connect() as c:
        bare = c.ask(f"CONNECT {page} HTTP/1.1\r\nHost: {page}\r\n\r\n")
        assert bare.status == 407 and not bare.closes and bare.get("Proxy-Authenticate").startswith("NTLM")
        assert sign_in_to_proxy(c, page, "alice", domain="LAB", method="CONNECT").status == 200
        answer = c.ask(f"GET /inside HTTP/1.1\r\nHost: {page}\r\n\r\n")
        assert answer.status == 200 and b"method=GET" in answer.body
    rows = lambda: [r for r in squid.since() if r["method"] == "CONNECT"]
    wait_until(lambda: len(rows()) == 3, "the parent's log")
    assert len({r["conn"] for r in rows()}) == 1


def test_a_tunnel_after_pages_is_the_same_users(relaying, squid, page):
    with relaying(squid.port).connect() as c:
        assert sign_in_to_proxy(c, page, "alice", domain="LAB").status == 200
        assert c.ask(f"CONNECT {page} HTTP/1.1\r\nHost: {page}\r\n\r\n").status == 200
        assert c.ask(f"GET / HTTP/1.1\r\nHost: {page}\r\n\r\n").status == 200
    wait_until(lambda: [r for r in squid.since() if r["method"] == "CONNECT"], "the parent's log")
    assert set().union(*users_by_connection(squid).values()) == {"alice"} and len(squid.proofs()) == 1


def test_a_megabyte_is_posted_once(relaying, squid, page, lab):
    body, origin = "0123456789abcdef" * 65536, lab.part(Echo).server
    file, before = lab.write("relay-body", body), origin.received
    answers = curl(relaying(squid.port).url, [f"http://{page}/"] * 3, *proxy_ntlm("alice"), "--data-binary", "@" + file)
    assert [(a.status, a.words["length"], a.words["sha256"]) for a in answers] == [
        (200, str(len(body)), hashlib.sha256(body.encode()).hexdigest())] * 3
    assert origin.received - before == 3 * len(body)


def test_kerberos_for_the_name_that_clients_use(lab, relaying, page):
    parent, kdc = Parent(lab, "negotiate"), lab.part(Kdc)
    proxy = relaying(parent.port)
    answers = curl(f"http://proxy.lab.test:{proxy.port}", [f"http://{page}/{i}" for i in range(5)], "--proxy-negotiate", "-U", ":",
                   "--resolve", f"proxy.lab.test:{proxy.port}:127.0.0.1", env=kdc.client_env("alice"))
    assert [a.status for a in answers] == [200] * 5
    assert {r["user"] for r in settled(parent, 5) if r["status"] == "200"} == {"alice@LAB.TEST"}


def test_a_fairlead_as_parent(lab, fairlead, relaying, page):
    """Named as an intermediary, because it keeps its users' connections apart."""
    accounts = Accounts(lab, **PASSWORDS)
    second = fairlead(name="proxy2.lab.test", listen='sign-on = {ntlm, basic}  basic-without-tls = true  accounts = {local}  intermediaries = {"127.0.0.1"}',
                      more=f'accounts local {{ file = "{accounts.file}" }}')
    proxy = relaying(second.port)
    for user, scheme in (("alice", "ntlm"), ("bob", "basic")):
        answers = curl(proxy.url, [f"http://{page}/{user}/{i}" for i in range(5)], f"--proxy-{scheme}", "-U", f"{user}:{PASSWORDS[user]}")
        assert [a.status for a in answers] == [200] * 5
    curl(proxy.url, f"http://{page}/nobody/1")
    rows = [r for r in second.log(12) if r["sc-status"] == "200"]
    assert sorted((r["cs-username"], r["cs-uri"].split("/")[3]) for r in rows) == [("alice", "alice")] * 5 + [("bob", "bob")] * 5


def test_chromium_loads_a_page_of_twenty_parts(relaying, squid, page, node, lab):  # noqa: F811
    proxy = relaying(squid.port)
    seen = drive(node, "chromium.js", url=f"http://{page}/page", proxy=f"http://127.0.0.1:{proxy.port}", proxyUser=r"LAB\alice",
                 proxyPassword="Secret1", profile=lab.folder(f"chromium{lab.number('chromium')}"))
    assert seen["status"] == 200 and len([a for a in seen["answers"] if a["status"] == 200]) >= echo.PAGE_PARTS
    assert all(users == {"alice"} for users in users_by_connection(squid).values())


def test_a_site_behind_it_wants_a_sign_in_too(relaying, squid, ntlm_origin):
    """alice to the parent, bob to the site, on one connection each way."""
    mark = ntlm_origin.mark()
    answers = curl(relaying(squid.port).url, [ntlm_origin.url(f"/{i}") for i in range(6)], *proxy_ntlm("alice"), *site_ntlm("bob"))
    assert [(a.status, a.words.get("user")) for a in answers] == [(200, r"LAB\bob")] * 6
    wait_until(lambda: [r["status"] for r in ntlm_origin.since(mark)].count("200") == 6, "the site's log")
    settled(squid, 8)
    assert users_by_connection(squid) and set().union(*users_by_connection(squid).values()) == {"alice"}
    assert len(squid.proofs()) == 1


# ---- whose connection is whose


def test_two_users_and_nobody_interleaved(relaying, squid, page):
    proxy, rounds, barrier = relaying(squid.port, workers=2), 40, threading.Barrier(9)

    def client(number):
        user, rng, left = ("alice", "bob", None)[number % 3], random.Random(number), rounds
        barrier.wait()
        while left:
            with proxy.connect(30) as c:
                if user:
                    assert sign_in_to_proxy(c, page, user, f"/{user}/begin", domain="LAB").status == 200
                for _ in range(min(left, rng.randrange(1, 12))):
                    answer = c.ask(absolute(page, f"/{user}/{left}"))
                    assert answer.status == (200 if user else 407), (user, answer.start)
                    left -= 1

    with concurrent.futures.ThreadPoolExecutor(9) as pool:
        for done in [pool.submit(client, n) for n in range(9)]:
            done.result()
    rows = settled(squid, 9 * rounds)
    for row in rows:
        if row["status"] == "200":
            assert user_of(row) == re.search(r":\d+/(\w+)/", row["url"]).group(1), row
    assert all(len(users) == 1 for users in users_by_connection(squid).values())
    nobody = {r["conn"] for r in rows if "/None/" in r["url"]}
    assert nobody and not nobody & set(users_by_connection(squid)), "who did not sign in was served over a signed-in connection"


def test_a_connection_is_not_left_to_the_next_client(relaying, squid, page):
    """Each of these ends while its connection to the parent would be good for more."""
    proxy = relaying(squid.port, workers=1)
    with proxy.connect() as c:
        assert sign_in_to_proxy(c, page, "alice", domain="LAB").status == 200
    with proxy.connect() as c:
        assert c.ask(absolute(page, fields=proxy_type1())).status == 407
    for _ in range(5):
        assert proxy.ask(absolute(page, "/later")).status == 407
    of_later = lambda: {r["conn"] for r in squid.since() if r["url"].endswith("/later")}
    wait_until(lambda: len([r for r in squid.since() if r["url"].endswith("/later")]) == 5, "the parent's log")
    begun = {r["conn"] for r in squid.since() if r["token"].startswith("NTLM")}
    assert begun and not of_later() & (begun | set(users_by_connection(squid)))


def test_basic_goes_with_each_request_and_stays_with_its_client(lab, relaying, page):
    parent = Parent(lab, "basic")
    for user, password in PASSWORDS.items():
        parent.set_basic(user, password, more=True)
    proxy = relaying(parent.port, workers=1)
    with proxy.connect() as a, proxy.connect() as b, proxy.connect() as nobody:
        for i in range(10):
            assert a.ask(absolute(page, f"/alice/{i}", fields=proxy_basic("alice", "Secret1"))).status == 200
            assert b.ask(absolute(page, f"/bob/{i}", fields=proxy_basic("bob", "Secret2"))).status == 200
            asked = nobody.ask(absolute(page))
            assert asked.status == 407 and asked.get("Proxy-Authenticate").startswith("Basic")
        assert a.ask(absolute(page, fields=proxy_basic("alice", "wrong"))).status == 407
        assert a.ask(absolute(page)).status == 407, "the name is not remembered for him"
    assert all(len(users) == 1 for users in users_by_connection(parent).values())
    assert len(users_by_connection(parent)) == 2
    settled(parent, 32)
    free = {r["conn"] for r in parent.since() if r["token"] == "-" and user_of(r) == "-" and page in r["url"]}
    assert len(free - set(users_by_connection(parent))) == 1, "who has no name uses the pool"


def test_sites_past_the_parent_see_nothing_of_it(relaying, squid):
    def looks(w):
        while True:
            request = w.request()
            w.send(ok("seen" if request.get("Proxy-Authorization") else "unseen"))

    with ScriptedOrigin(looks) as site:
        proxy = relaying(squid.port)
        with proxy.connect() as c:
            assert c.ask(absolute(f"site1.lab.test:{site.port}", fields=proxy_basic("alice", "Secret1"))).body == b"unseen"
            assert sign_in_to_proxy(c, f"site2.lab.test:{site.port}", "alice", domain="LAB").body == b"unseen"
            assert c.ask(absolute(f"site1.lab.test:{site.port}")).body == b"unseen"


def test_a_407_of_a_site_is_not_relayed(relaying, squid):
    with ScriptedOrigin(lambda w: (w.request(), w.send(BARE.format("")))) as site:
        answer = relaying(squid.port).ask(absolute(f"site1.lab.test:{site.port}"))
        assert answer.status == 502 and answer.get("Proxy-Authenticate") is None


# ---- when the parent ends it


def lets_in(*then):
    """A parent that lets one sign in, then does what `then` says for each request: text, or None to close."""
    def script(w):
        for which in (1, 3):
            request = w.request()
            while kind_of(request) == 0:
                w.send(BARE.format(""))
                request = w.request()
            assert kind_of(request) == which
            w.send(challenge_of() if which == 1 else ok("welcome"))
        for answer in then:
            if answer is None:
                return
            w.request()
            w.send(answer)
        w.rest()
    return script


def count_nobody(seen):
    def script(w):
        while True:
            request = w.request()
            seen.append((kind_of(request), request.get("Proxy-Authorization")))
            w.send(ok("served as nobody") if kind_of(request) == 0 else challenge_of() if kind_of(request) == 1 else ok("welcome again"))
    return script


def test_a_lost_connection_ends_the_clients(relaying, page):
    """Nothing goes out as nobody; who comes back with a fresh token gets a fresh connection."""
    seen = []
    with ScriptedOrigin(lets_in(ok("page"), None), count_nobody(seen)) as parent:
        proxy = relaying(parent.port, workers=1)
        with proxy.connect() as c:
            assert sign_in_to_proxy(c, page, "alice").body == b"welcome"
            assert c.ask(absolute(page)).body == b"page"
            proxy.wait_metric("pins_lost_total", lambda n: n == 1)
            with pytest.raises(Closed):
                c.ask(absolute(page, "/private"))
        assert seen == []
        with proxy.connect() as c:
            assert sign_in_to_proxy(c, page, "alice").body == b"welcome again"
        assert [kind for kind, _ in seen] == [1, 3]


def ntlm_then_closes(w):
    for which in (1, 3):
        assert kind_of(w.request()) == which
        w.send(challenge_of() if which == 1 else ok("welcome"))
    w.request()


def basic_then_closes(w):
    w.request()
    w.send(ok("welcome"))
    w.request()


@pytest.mark.parametrize("parent", [ntlm_then_closes, basic_then_closes])
def test_a_request_is_not_said_again_elsewhere(relaying, page, parent):
    """The parent closes instead of answering: over another connection the request would be nobody's."""
    seen = []
    with ScriptedOrigin(parent, count_nobody(seen)) as parent_proxy:
        with relaying(parent_proxy.port, workers=1).connect() as c:
            if parent is ntlm_then_closes:
                assert sign_in_to_proxy(c, page, "alice").body == b"welcome"
            else:
                assert c.ask(absolute(page, fields=proxy_basic("alice", "Secret1"))).body == b"welcome"
            with pytest.raises(Closed):
                c.ask(absolute(page, "/private"))
        assert seen == []


def test_a_fresh_token_on_the_old_connection_begins_anew(relaying, page):
    with ScriptedOrigin(lets_in(None), lets_in(ok("page"))) as parent:
        proxy = relaying(parent.port, workers=1)
        with proxy.connect() as c:
            assert sign_in_to_proxy(c, page, "alice").body == b"welcome"
            proxy.wait_metric("pins_lost_total", lambda n: n == 1)
            assert sign_in_to_proxy(c, page, "alice").body == b"welcome"
            assert c.ask(absolute(page)).body == b"page"


def test_a_connection_lost_in_the_middle_of_a_handshake(relaying, page):
    def breaks(w):
        assert kind_of(w.request()) == 1
        w.send(challenge_of())

    seen = []
    with ScriptedOrigin(breaks, count_nobody(seen)) as parent:
        proxy = relaying(parent.port, workers=1)
        with proxy.connect() as c:
            challenge = c.ask(absolute(page, fields=proxy_type1()))
            assert challenge.status == 407
            wait_until(lambda: proxy.metric("pins") == 0, "the pin's connection to be seen closed")
            with pytest.raises(Closed):
                c.ask(absolute(page, fields=proxy_type3(challenge, "alice")))
        assert seen == [], "a later leg went over another connection"


def refused_and_again(c, page):
    """The statuses of a sign-in with a wrong password, and of what the client says then on the same connection."""
    seen = [sign_in_to_proxy(c, page, "alice", password="wrong", domain="LAB").status]
    for _ in range(3):
        challenge = c.ask(absolute(page, fields=proxy_type1()))
        seen.append(challenge.status)
        if wire.token68(challenge.get("Proxy-Authenticate"), "NTLM"):
            seen.append(c.ask(absolute(page, fields=proxy_type3(challenge, "alice", domain="LAB"))).status)
    return seen


def test_a_refused_password_is_the_clients_matter(relaying, squid, page):
    """Nothing is said twice, and the client sees what it would without us."""
    proxy = relaying(squid.port)
    with proxy.connect() as c:
        through = refused_and_again(c, page)
    proofs = len(squid.proofs())
    with wire.connect(squid.port) as c:
        assert refused_and_again(c, page) == through
    assert len(squid.proofs()) == 2 * proofs


def test_all_challenges_come_through_in_their_order(relaying, page):
    many = "HTTP/1.1 407 X\r\n" + "".join(f"Proxy-Authenticate: {v}\r\n" for v in (
        "Negotiate", "NTLM", 'Basic realm="a, b"')) + "Proxy-Authentication-Info: x\r\nConnection: Proxy-Support\r\n" \
        "Proxy-Support: Session-Based-Authentication\r\nContent-Length: 4\r\n\r\npage"
    with ScriptedOrigin(wire.answering(many)) as parent:
        answer = relaying(parent.port).ask(absolute(page))
        assert (answer.status, answer.body) == (407, b"page")
        assert answer.all("Proxy-Authenticate") == ["Negotiate", "NTLM", 'Basic realm="a, b"']
        assert answer.all("Proxy-Support") == ["Session-Based-Authentication"]


# ---- where it cannot be


def test_a_listener_that_signs_clients_in_does_not_relay(lab, relaying, page):
    """Credentials for us stay with us; the parent's 407 is 12201 as ever, and says why."""
    heads, other, accounts = [], free_port(), Accounts(lab, alice="Secret1")

    def asks(w):
        while True:
            heads.append(w.request())
            w.send(BARE.format(""))

    with ScriptedOrigin(asks) as parent:
        proxy = relaying(parent.port, more=f'accounts local {{ file = "{accounts.file}" }}\n'
                         f'listen "127.0.0.1:{other}" {{ sign-on = {{basic}}  basic-without-tls = true  accounts = {{local}} }}')
        with wire.connect(other) as c:
            text = must_be_12201(c.ask(absolute(page, fields=proxy_basic("alice", "Secret1"))), "parent-wants-sign-in")
        assert "without sign-on" in text
        assert [h.get("Proxy-Authorization") for h in heads] == [None]
        assert proxy.ask(absolute(page, fields=proxy_authorization("Basic", b"x:y"))).status == 407
        assert heads[-1].get("Proxy-Authorization") is not None


def test_users_behind_a_front_proxy_are_not_kept_apart_by_their_connection(relaying, page):
    """A connection with Via of a stranger: the sign-in ends with its request, and its connection with it."""
    with ScriptedOrigin(lets_in(ok("as alice")), count_nobody([])) as parent:
        with relaying(parent.port, workers=1).connect() as c:
            via = "Via: 1.1 front\r\n"
            assert sign_in_to_proxy(c, page, "alice", fields=via).body == b"welcome"
            answer = c.ask(absolute(page, fields=via))
            assert answer.body != b"as alice"
