"""The pin from outside: whose connection carries which request, told by origins that follow a script."""

import base64
import threading
import time

import pytest

import ntlm
from lab.fairlead import Fairlead, absolute
from lab.signin import authorization, challenge_text, signed_in_client, signs_in, type1_fields, type3_fields
from lab.wire import Closed, ScriptedOrigin, answering, ok


@pytest.fixture(scope="module")
def proxy(lab):
    with Fairlead(lab, workers=1) as p:
        yield p


# ---- sign-ins that break ---------------------------------------------------------------------------------------------

def test_a_lost_sign_in_closes_the_client_connection_unanswered(proxy):
    """The origin closes a signed-in idle connection. What comes without a token would go anonymously, so it is not sent."""
    with ScriptedOrigin(signs_in(None), signs_in()) as o:
        with signed_in_client(proxy, o) as c:
            time.sleep(0.2)
            try:
                c.send(absolute(o.authority, "/lost"))
                unanswered = c.closed()
            except OSError:
                unanswered = True
            assert unanswered
        assert o.accepted == 1, "it was not sent on a new connection"


@pytest.mark.parametrize("n", [4096, 8192, 16384, 65536, 100_000, 3_000_000])
def test_after_an_answer_of_any_size_the_sign_in_is_still_there(proxy, n):
    """Large ones are moved past user space, and others may just fill a buffer: neither means that something is left to read."""
    head = len(ok()) - 2 + len(str(n)) - 1
    whole = ok("x" * (n - head))  # head and body together fill just so much
    with ScriptedOrigin(signs_in(whole, ok("x" * n), ok("again"))) as o:
        with signed_in_client(proxy, o) as c:
            assert c.ask(absolute(o.authority)).status == 200
            assert len(c.ask(absolute(o.authority)).body) == n
            assert c.ask(absolute(o.authority)).body == b"again"
        assert o.accepted == 1


def test_a_lost_sign_in_can_begin_again_on_the_same_client_connection(proxy):
    with ScriptedOrigin(signs_in(None), signs_in(ok("again"))) as o:
        with signed_in_client(proxy, o) as c:
            time.sleep(0.2)
            challenge = c.ask(absolute(o.authority, fields=type1_fields()))
            assert challenge.status == 401
            assert c.ask(absolute(o.authority, fields=type3_fields(challenge, "alice"))).body == b"signed in"
            assert c.ask(absolute(o.authority)).body == b"again"
        assert o.accepted == 2


def test_other_origins_of_the_client_are_left_alone_by_a_lost_sign_in(proxy):
    with ScriptedOrigin(signs_in(None)) as gone, ScriptedOrigin(signs_in(ok("still"))) as stays:
        with signed_in_client(proxy, gone) as c:
            challenge = c.ask(absolute(stays.authority, fields=type1_fields()))
            c.ask(absolute(stays.authority, fields=type3_fields(challenge, "bob")))
            time.sleep(0.2)
            assert c.ask(absolute(stays.authority)).body == b"still"


def test_the_origin_dies_between_type_2_and_type_3(proxy):
    """A type 3 fits its own challenge only: it is never sent to another connection."""
    def dies_after_challenge(w):
        w.request()
        w.send(challenge_text())

    seen = []

    def second(w):
        seen.append(w.request())
        w.send(ok())

    with ScriptedOrigin(dies_after_challenge, second) as o, proxy.connect() as c:
        challenge = c.ask(absolute(o.authority, fields=type1_fields()))
        if not challenge.closes:
            time.sleep(0.2)
            try:
                c.send(absolute(o.authority, fields=type3_fields(challenge, "alice")))
                answer = c.response()
                assert answer.status != 200
            except (Closed, OSError):
                pass
        assert seen == []


def test_a_challenge_with_close_says_close_to_the_client(proxy):
    """The connection that the handshake needs is gone: the client must not go on with it."""
    def script(w):
        w.request()
        w.send(challenge_text().replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"))

    with ScriptedOrigin(script) as o, proxy.connect() as c:
        answer = c.ask(absolute(o.authority, fields=type1_fields()))
        assert answer.status == 401 and answer.closes
        assert c.closed()


def test_a_client_that_goes_away_in_mid_handshake_takes_the_server_connection_along(proxy):
    gone = threading.Event()

    def script(w):
        w.request()
        w.send(challenge_text())
        w.rest()
        gone.set()

    with ScriptedOrigin(script, answering(ok("another"))) as o:
        with proxy.connect() as c:
            c.ask(absolute(o.authority, fields=type1_fields()))
        assert gone.wait(5)
        assert proxy.ask(absolute(o.authority)).body == b"another"
        assert o.accepted == 2


def test_the_first_token_goes_to_the_connection_that_challenged(proxy):
    def script(w):
        assert not w.request().get("Authorization")
        w.send("HTTP/1.1 401 X\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n")
        signs_in()(w)

    with ScriptedOrigin(script) as o, proxy.connect() as c:
        assert c.ask(absolute(o.authority)).status == 401
        challenge = c.ask(absolute(o.authority, fields=type1_fields()))
        assert c.ask(absolute(o.authority, fields=type3_fields(challenge, "alice"))).body == b"signed in"
        assert o.accepted == 1


def test_the_first_token_never_goes_to_a_pooled_connection(fairlead):
    proxy = fairlead(workers=1)

    def plain(w):
        while True:
            assert w.request().get("Authorization") is None
            w.send(ok())

    with ScriptedOrigin(plain, signs_in()) as o:
        assert proxy.ask(absolute(o.authority)).status == 200
        signed_in_client(proxy, o).close()
        assert o.accepted == 2
        assert proxy.ask(absolute(o.authority)).status == 200
        assert o.accepted == 2, "the pooled one is still good for others"


def test_a_type_1_on_a_held_connection_that_died_is_sent_again(proxy):
    def challenges_and_dies(w):
        w.request()
        w.send("HTTP/1.1 401 X\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n")
        w.request()

    with ScriptedOrigin(challenges_and_dies, signs_in()) as o, proxy.connect() as c:
        assert c.ask(absolute(o.authority)).status == 401
        challenge = c.ask(absolute(o.authority, fields=type1_fields()))
        assert challenge.status == 401, challenge.body
        assert c.ask(absolute(o.authority, fields=type3_fields(challenge, "alice"))).body == b"signed in"


def test_a_client_may_hold_only_so_many_pins(fairlead):
    proxy = fairlead(more="limits { pins = 3 }")
    script = signs_in(*[ok("mine")] * 9)
    with ScriptedOrigin(script) as o, proxy.connect() as c:
        for i in range(1, 7):
            site = f"site{i}.lab.test:{o.port}"
            challenge = c.ask(absolute(site, fields=type1_fields()))
            assert c.ask(absolute(site, fields=type3_fields(challenge, "alice"))).body == b"signed in"
        assert proxy.metric("pins") == 3
        assert c.ask(absolute(site)).body == b"mine"
        c.send(absolute(f"site1.lab.test:{o.port}"))  # evicted: it must not go anonymously
        assert c.closed()


def test_connect_closes_the_pins_of_its_client(proxy):
    gone = threading.Event()

    def script(w):
        signs_in()(w)
        gone.set()

    with ScriptedOrigin(script) as o, ScriptedOrigin(lambda w: w.rest()) as other:
        with signed_in_client(proxy, o) as c:
            assert c.ask(f"CONNECT {other.authority} HTTP/1.1\r\nHost: {other.authority}\r\n\r\n").status == 200
            assert gone.wait(5)


def test_a_body_that_is_still_coming_when_the_challenge_is_out(proxy):
    """The body goes along with type 1; the origin challenges after its first piece and reads on, as IIS does."""
    body = "x" * 3_000_000

    def script(w):
        head = w.request(body=False)
        w.read(1000)
        w.send(challenge_text())
        w.read(int(head.get("Content-Length")) - 1000)
        assert len(w.request().body) == len(body)
        w.send(ok("all of it"))
        w.rest()

    length = f"Content-Length: {len(body)}\r\n"
    with ScriptedOrigin(script) as o, proxy.connect() as c:
        challenge = c.ask(absolute(o.authority, "/", "POST", type1_fields() + length, body))
        assert challenge.status == 401 and not challenge.closes
        answer = c.ask(absolute(o.authority, "/", "POST", type3_fields(challenge, "alice") + length, body))
        assert answer.body == b"all of it"


def test_pipelined_requests_on_a_signed_in_connection_keep_their_order(proxy):
    def script(w):
        w.request()
        w.send(challenge_text())
        w.request()
        w.send(ok("signed in"))
        while True:
            head = w.request()
            assert w.buffer == b"", "one request at a time on a bound pair"
            w.send(ok(head.uri))

    with ScriptedOrigin(script) as o, signed_in_client(proxy, o) as c:
        c.send("".join(absolute(o.authority, f"/{i}") for i in range(8)))
        assert [c.response().body.decode() for _ in range(8)] == [f"/{i}" for i in range(8)]


def test_a_server_of_http_1_0_that_keeps_its_connection_can_be_signed_in_to(proxy):
    keep = "Connection: keep-alive\r\n"

    def script(w):
        w.request()
        w.send(challenge_text().replace("HTTP/1.1", "HTTP/1.0").replace("\r\n\r\n", f"\r\n{keep}\r\n"))
        w.request()
        w.send(ok("signed in", keep).replace("HTTP/1.1", "HTTP/1.0"))
        w.request()
        w.send(ok("still", keep).replace("HTTP/1.1", "HTTP/1.0"))

    with ScriptedOrigin(script) as o, signed_in_client(proxy, o) as c:
        assert c.ask(absolute(o.authority)).body == b"still"


def test_a_connection_to_a_parent_is_one_clients_once_a_token_crossed_it(fairlead):
    """The parent may have bound it to an origin; others get a connection of their own, also for other origins."""
    seen = []

    def parent_script(w):
        number = len(seen)
        seen.append([])
        while True:
            head = w.request()
            seen[number].append((head.uri.split("/")[2], head.get("X-Who")))
            token = (head.get("Authorization") or "")
            w.send(challenge_text() if len(token) < 80 and token else ok())

    with ScriptedOrigin(parent_script) as parent:
        proxy = fairlead(workers=1, upstreams=f'upstream up {{ member "127.0.0.1:{parent.port}" {{ }} }}',
                         routes='route { to = {"*"}  via = up }')
        with proxy.connect() as alice, proxy.connect() as nobody:
            who = "X-Who: alice\r\n"
            challenge = alice.ask(absolute("a.example", fields=type1_fields() + who))
            alice.ask(absolute("a.example", fields=type3_fields(challenge, "alice") + who))
            for site in ("a.example", "b.example"):
                nobody.ask(absolute(site, fields="X-Who: nobody\r\n"))
            alice.ask(absolute("a.example", fields=who))
        nobody = proxy.ask(absolute("a.example", fields="X-Who: nobody\r\n"))
    for requests in seen:
        assert len({who for _, who in requests}) == 1, seen
    assert ("a.example", "alice") in seen[0] and len(seen[0]) == 3


# ---- sign-ins of other kinds -----------------------------------------------------------------------------------------

@pytest.mark.parametrize("scheme", ["Basic dXNlcjpwdw==", "Bearer abc.def", "Digest username=\"a\"", "NTLM", "Negotiate"])
def test_what_is_no_token_of_a_connection_binds_nothing(fairlead, scheme):
    proxy = fairlead(workers=1)
    with ScriptedOrigin(answering(ok())) as o:
        for _ in range(3):
            assert proxy.ask(absolute(o.authority, fields=f"Authorization: {scheme}\r\n")).status == 200
        assert proxy.metric("pins_total") == 0 and o.accepted == 1


@pytest.mark.parametrize("scheme", ["NTLM", "Negotiate", "ntlm", "NEGOTIATE", "Nego2", "Kerberos"])
def test_a_token_binds_whatever_the_schemes_word(fairlead, scheme):
    proxy = fairlead(workers=1)
    with ScriptedOrigin(answering(ok())) as o:
        with proxy.connect() as c:
            c.ask(absolute(o.authority, fields=authorization(scheme, ntlm.type1())))
            assert proxy.ask(absolute(o.authority)).status == 200
            assert o.accepted == 2
            c.ask(absolute(o.authority))
        assert o.accepted == 2
        proxy.ask(absolute(o.authority))
        assert o.accepted == 2, "the untainted one is pooled"


@pytest.mark.parametrize("other", ["Basic eA==", "NTLM"])
def test_a_token_behind_another_authorization_is_refused_or_bound(fairlead, other):
    """Whatever the origin makes of two of them, the connection goes to nobody else."""
    proxy = fairlead(workers=1)
    with ScriptedOrigin(answering(ok())) as o:
        token = type1_fields().partition(": ")[2]
        answer = proxy.ask(absolute(o.authority, fields=f"Authorization: {other}\r\nAuthorization: {token}"))
        assert answer.status in (200, 400)
        accepted = o.accepted
        assert proxy.ask(absolute(o.authority)).status == 200
        assert o.accepted == accepted + 1


@pytest.mark.parametrize("change", [lambda t: t.rstrip("="), lambda t: t + ",", lambda t: '"' + t + '"', lambda t: t[:20] + " " + t[20:],
                                    lambda t: t[:20] + "_-" + t[20:], lambda t: "!" * 8],
                         ids=["no padding", "comma", "quotes", "blank", "alphabet", "garbage"])
def test_a_token_that_we_cannot_read_binds_all_the_same(fairlead, change):
    """An origin may be more lenient than we are."""
    proxy = fairlead(workers=1)
    token = base64.b64encode(ntlm.type1() + b"x").decode()
    with ScriptedOrigin(answering(ok())) as o:
        answer = proxy.ask(absolute(o.authority, fields=f"Authorization: NTLM {change(token)}\r\n"))
        accepted = o.accepted
        assert proxy.ask(absolute(o.authority)).status == 200
        assert answer.status in (200, 400) and o.accepted == accepted + 1


@pytest.mark.parametrize("framing", ["chunked", "none"])
def test_challenges_framed_otherwise(proxy, framing):
    """Chunked is as good as a length; a body that ends by closing ends the handshake, and the client is told."""
    def script(w):
        w.request()
        text = challenge_text().replace("Content-Length: 0\r\n", "Transfer-Encoding: chunked\r\n" if framing == "chunked" else "")
        w.send(text + ("2\r\nno\r\n0\r\n\r\n" if framing == "chunked" else "no"))
        if framing == "chunked":
            w.request()
            w.send(ok("signed in"))
            w.rest()

    with ScriptedOrigin(script) as o, proxy.connect() as c:
        challenge = c.ask(absolute(o.authority, fields=type1_fields()))
        assert challenge.status == 401 and challenge.body == b"no" and challenge.closes == (framing == "none")
        if framing == "chunked":
            assert c.ask(absolute(o.authority, fields=type3_fields(challenge, "alice"))).body == b"signed in"
        else:
            assert c.closed()


def test_a_client_of_http_1_0_signs_in_with_keep_alive(proxy):
    def ask(c, o, fields=""):
        return c.ask(f"GET http://{o.authority}/ HTTP/1.0\r\nHost: {o.authority}\r\nConnection: keep-alive\r\n{fields}\r\n")

    with ScriptedOrigin(signs_in(ok("still"))) as o, proxy.connect() as c:
        challenge = ask(c, o, type1_fields())
        assert challenge.status == 401 and "keep-alive" in challenge.get("Connection").lower()
        assert ask(c, o, type3_fields(challenge, "alice")).body == b"signed in"
        assert ask(c, o).body == b"still"


def test_a_client_that_says_close_ends_its_pin(proxy):
    gone = threading.Event()

    def script(w):
        signs_in(ok("last"))(w)
        gone.set()

    with ScriptedOrigin(script) as o, signed_in_client(proxy, o) as c:
        assert c.ask(absolute(o.authority, fields="Connection: close\r\n")).body == b"last"
        assert c.closed() and gone.wait(5)


@pytest.mark.parametrize("status", [200, 204, 302, 404, 500])
def test_any_final_answer_but_401_means_signed_in(proxy, status):
    def script(w):
        w.request()
        w.send(challenge_text())
        w.request()
        w.send(f"HTTP/1.1 {status} X\r\n" + ("Content-Length: 0\r\n" if status != 204 else "") + "\r\n")
        w.request()
        w.send(ok("as alice"))
        w.rest()

    with ScriptedOrigin(script, answering(ok("WRONG CONNECTION"))) as o, proxy.connect() as c:
        challenge = c.ask(absolute(o.authority, fields=type1_fields()))
        assert c.ask(absolute(o.authority, fields=type3_fields(challenge, "alice"))).status == status
        assert c.ask(absolute(o.authority)).body == b"as alice"


def test_a_refused_password_may_be_tried_again(proxy):
    def script(w):
        for _ in range(2):
            w.request()
            w.send(challenge_text())
            w.request()
            w.send("HTTP/1.1 401 No\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n")
        signs_in(ok("at last"))(w)

    with ScriptedOrigin(script, signs_in(ok("at last"))) as o, proxy.connect() as c:
        for _ in range(2):
            challenge = c.ask(absolute(o.authority, fields=type1_fields()))
            assert c.ask(absolute(o.authority, fields=type3_fields(challenge, "alice", "wrong"))).status == 401
        challenge = c.ask(absolute(o.authority, fields=type1_fields()))
        assert c.ask(absolute(o.authority, fields=type3_fields(challenge, "alice"))).body == b"signed in"
        assert c.ask(absolute(o.authority)).body == b"at last"


def test_one_leg_kerberos_that_does_not_persist_stays_tainted(fairlead):
    """Persistent-Auth: false: the next request need not go there, but nobody else's ever may."""
    proxy = fairlead(workers=1)
    token = b"`\x82" + b"k" * 300
    seen = []

    def script(w):
        number = len(seen)
        seen.append([])
        while True:
            head = w.request()
            seen[number].append(head.get("X-Who"))
            w.send(ok("yes", "Persistent-Auth: false\r\n" if head.get("Authorization") else ""))

    with ScriptedOrigin(script) as o:
        with proxy.connect() as c:
            fields = authorization("Negotiate", token) + "X-Who: bob\r\n"
            assert c.ask(absolute(o.authority, fields=fields)).get("Persistent-Auth") == "false"
            for _ in range(3):
                assert proxy.ask(absolute(o.authority, fields="X-Who: nobody\r\n")).status == 200
            assert c.ask(absolute(o.authority, fields=fields)).status == 200
        for _ in range(3):
            assert proxy.ask(absolute(o.authority, fields="X-Who: nobody\r\n")).status == 200
    assert all(len(set(who)) == 1 for who in seen), seen


def test_two_names_and_two_ports_are_two_origins(proxy):
    """Identity belongs to scheme, host and port; the host without regard to case."""
    with ScriptedOrigin(signs_in(ok("one"), ok("one")), signs_in(ok("two"))) as o:
        with proxy.connect() as c:
            for site in (f"site1.lab.test:{o.port}", f"site2.lab.test:{o.port}"):
                challenge = c.ask(absolute(site, fields=type1_fields()))
                assert c.ask(absolute(site, fields=type3_fields(challenge, "alice"))).body == b"signed in"
            assert c.ask(absolute(f"SITE1.lab.test:{o.port}")).body == b"one"
            assert c.ask(absolute(f"site2.lab.test:{o.port}")).body == b"two"
            assert c.ask(absolute(f"site1.LAB.test:{o.port}")).body == b"one"
