"""Connection-bound sign-in through one, two and three proxies, against origins that really verify."""

import hashlib
import time

import pytest

from lab import echo
from lab.curl import NEGOTIATE, curl, ntlm
from lab.fairlead import absolute
from lab.signin import sign_in, type1_fields, type3_fields

ALICE, BOB = "LAB\\alice", "LAB\\bob"
MEGABYTE = 1_000_000
HOPS = pytest.mark.parametrize("hops", [1, 2, 3])


@pytest.fixture(scope="module")
def upload(lab):
    path = lab.write("upload", "0123456789abcdef" * (MEGABYTE // 16))
    with open(path, "rb") as f:
        return path, hashlib.sha256(f.read()).hexdigest()


def logged(origin, mark, at_least):
    """What the origin's own log has since the mark; a row is written when its answer is out already."""
    for _ in range(50):
        rows = origin.since(mark)
        if len(rows) >= at_least:
            break
        time.sleep(0.05)
    return rows


def one_handshake(rows, answered):
    """Exactly one 401 (the challenge), then `answered` 200s, all on one connection."""
    assert [r["status"] for r in rows] == ["401"] + ["200"] * answered
    assert len({r["conn"] for r in rows}) == 1


@HOPS
def test_curl_gets_ten_pages_with_one_handshake(proxy_chain, ntlm_origin, hops):
    proxy, mark = proxy_chain(hops)[0], ntlm_origin.mark()
    answers = curl(proxy.url, [ntlm_origin.url(f"/{i}") for i in range(10)], *ntlm("alice"))
    assert [(a.status, a.words["user"]) for a in answers] == [(200, ALICE)] * 10
    assert sum(a.connects for a in answers) == 1
    assert all(a.body.count("1.1 proxy") == hops for a in answers)
    one_handshake(logged(ntlm_origin, mark, 11), 10)


@HOPS
@pytest.mark.parametrize("expect", ["Expect:", "Expect: 100-continue"])
def test_curl_posts_a_megabyte_ten_times_with_one_handshake(proxy_chain, ntlm_origin, upload, hops, expect):
    """curl's first POST is a probe: type 1 with Content-Length: 0; the body follows with type 3."""
    proxy, mark = proxy_chain(hops)[0], ntlm_origin.mark()
    answers = curl(proxy.url, [ntlm_origin.url(f"/{i}") for i in range(10)], *ntlm("alice"), "-H", expect,
                   "--data-binary", "@" + upload[0])
    seen = [(a.status, a.words["user"], a.words["method"], a.words["length"], a.words["sha256"]) for a in answers]
    assert seen == [(200, ALICE, "POST", str(MEGABYTE), upload[1])] * 10
    one_handshake(logged(ntlm_origin, mark, 11), 10)


def test_a_chunked_body_on_a_signed_in_connection(proxy_chain, ntlm_origin):
    body = b"some text " * 20000
    authority = f"ntlm.lab.test:{ntlm_origin.port}"
    with proxy_chain(2)[0].connect() as c:
        assert sign_in(c, authority, "bob").status == 200
        c.send(absolute(authority, "/", "POST", "Transfer-Encoding: chunked\r\n"))
        for at in range(0, len(body), 7000):
            piece = body[at:at + 7000]
            c.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        words = echo.parse(c.ask("0\r\n\r\n", "POST").body.decode())
    assert (words["user"], words["sha256"]) == (BOB, hashlib.sha256(body).hexdigest())


def test_curl_that_waits_for_the_challenge_first(proxy_chain, ntlm_origin):
    """--anyauth: a bare request, the bare 401, then the two legs."""
    proxy, mark = proxy_chain(2)[0], ntlm_origin.mark()
    answers = curl(proxy.url, [ntlm_origin.url(f"/{i}") for i in range(3)], "--anyauth", "-u", "LAB\\alice:Secret1")
    assert [(a.status, a.words["user"]) for a in answers] == [(200, ALICE)] * 3
    rows = logged(ntlm_origin, mark, 5)
    assert [r["status"] for r in rows] == ["401", "401", "200", "200", "200"]


def test_head_and_options_of_a_signed_in_connection(proxy_chain, ntlm_origin):
    with proxy_chain(2)[0].connect() as c:
        authority = f"ntlm.lab.test:{ntlm_origin.port}"
        assert sign_in(c, authority, "alice", method="HEAD").get("X-Seen-User") == ALICE
        assert c.ask(absolute(authority, method="HEAD")).get("X-Seen-User") == ALICE
        assert c.ask(absolute(authority, method="DELETE")).get("X-Seen-User") == ALICE


@HOPS
def test_a_wrong_password_ends_in_401(proxy_chain, ntlm_origin, hops):
    proxy = proxy_chain(hops)[0]
    begin = time.monotonic()
    answers = curl(proxy.url, [ntlm_origin.url(), ntlm_origin.url()], *ntlm("alice", "wrong"), seconds=20)
    assert [a.status for a in answers] == [401, 401]
    assert time.monotonic() - begin < 10
    answer, = curl(proxy.url, ntlm_origin.url(), *ntlm("alice"))
    assert (answer.status, answer.words["user"]) == (200, ALICE)


def test_a_post_without_probe_and_a_body_with_every_leg(fairlead, ntlm_origin):
    """As Java and some .NET clients do: the body goes along with type 1 already."""
    authority, body = f"ntlm.lab.test:{ntlm_origin.port}", "x" * 50000
    length = f"Content-Length: {len(body)}\r\n"
    with fairlead().connect() as c:
        challenge = c.ask(absolute(authority, "/", "POST", type1_fields() + length, body))
        assert challenge.status == 401
        answer = c.ask(absolute(authority, "/", "POST", type3_fields(challenge, "bob") + length, body))
        assert answer.status == 200
        assert echo.parse(answer.body.decode())["sha256"] == hashlib.sha256(body.encode()).hexdigest()


@pytest.mark.parametrize("hops", [1, 2])
def test_two_origins_on_one_client_connection_keep_their_users(proxy_chain, ntlm_origin, hops):
    one, two = f"ntlm.lab.test:{ntlm_origin.port}", f"site1.lab.test:{ntlm_origin.port}"
    mark = ntlm_origin.mark()
    with proxy_chain(hops)[0].connect() as c:
        assert echo.parse(sign_in(c, one, "alice").body.decode())["user"] == ALICE
        assert echo.parse(sign_in(c, two, "bob").body.decode())["user"] == BOB
        for _ in range(10):
            assert echo.parse(c.ask(absolute(one)).body.decode())["user"] == ALICE
            assert echo.parse(c.ask(absolute(two)).body.decode())["user"] == BOB
    rows = logged(ntlm_origin, mark, 24)
    assert [r["status"] for r in rows].count("401") == 2
    assert len({r["conn"] for r in rows}) == 2
    assert {(r["conn"], r["user"]) for r in rows if r["status"] == "200"} == \
        {(conn, user) for conn, user in ((rows[0]["conn"], "LAB\\alice"), (rows[2]["conn"], "LAB\\bob"))}


def test_another_client_never_gets_a_signed_in_connection(proxy_chain, ntlm_origin):
    authority = f"ntlm.lab.test:{ntlm_origin.port}"
    proxy = proxy_chain(2)[0]
    with proxy.connect() as alice, proxy.connect() as nobody:
        assert sign_in(alice, authority, "alice").status == 200
        assert nobody.ask(absolute(authority)).status == 401
        assert alice.ask(absolute(authority)).status == 200
    for _ in range(4):  # alice's connection is gone now; it must not have gone to a pool
        with proxy.connect() as nobody:
            assert nobody.ask(absolute(authority)).status == 401


def test_one_user_after_the_other_on_one_client_connection(fairlead, ntlm_origin):
    """A second handshake on the same connection is the client's right; Squid refuses it on the same origin connection,
    so what counts is that bob's requests are never alice's."""
    authority = f"ntlm.lab.test:{ntlm_origin.port}"
    with fairlead().connect() as c:
        assert sign_in(c, authority, "alice").status == 200
        challenge = c.ask(absolute(authority, fields=type1_fields()))
        if challenge.status == 401 and not challenge.closes:
            answer = c.ask(absolute(authority, fields=type3_fields(challenge, "bob")))
            assert answer.status != 200 or echo.parse(answer.body.decode())["user"] == BOB


def test_the_challenge_says_that_the_session_is_kept(fairlead, ntlm_origin):
    """RFC 4559 section 6: Proxy-Support: Session-Based-Authentication, named by Connection."""
    with fairlead().connect() as c:
        answer = c.ask(absolute(f"ntlm.lab.test:{ntlm_origin.port}"))
    assert answer.get("Proxy-Support") == "Session-Based-Authentication"
    assert "proxy-support" in answer.get("Connection").lower()
    assert answer.get("WWW-Authenticate") == "NTLM"


def test_the_via_field_can_be_left_out(fairlead, ntlm_origin):
    proxy = fairlead(routes='route { to = {"ntlm.lab.test"}  via = direct  via-header = false }')
    answers = curl(proxy.url, [ntlm_origin.url(), ntlm_origin.url(host="site1.lab.test")], *ntlm("alice"))
    assert "proxy" not in answers[0].body
    assert "proxy.lab.test" in answers[1].body


@HOPS
def test_kerberos_inside_negotiate(proxy_chain, apache, hops):
    proxy, mark = proxy_chain(hops)[0], apache.mark()
    answers = curl(proxy.url, [apache.url("/iis")] * 10, *NEGOTIATE, env=apache.client_env("bob", "krb5"))
    assert [(a.status, a.words["user"]) for a in answers] == [(200, "bob@LAB.TEST")] * 10
    rows = logged(apache, mark, 10)
    assert len({r["conn"] for r in rows}) == 1 and [r["status"] for r in rows] == ["200"] * 10


@HOPS
def test_ntlm_inside_negotiate(proxy_chain, apache, hops):
    proxy, mark = proxy_chain(hops)[0], apache.mark()
    answers = curl(proxy.url, [apache.url("/iis")] * 10, *NEGOTIATE, env=apache.client_env("alice", "ntlm"))
    assert [(a.status, a.words["user"]) for a in answers] == [(200, ALICE)] * 10
    one_handshake(logged(apache, mark, 11), 10)


@HOPS
@pytest.mark.parametrize("mech", ["krb5", "ntlm"])
def test_negotiate_posts_a_megabyte(proxy_chain, apache, upload, hops, mech):
    proxy, mark = proxy_chain(hops)[0], apache.mark()
    answers = curl(proxy.url, [apache.url("/iis")] * 3, *NEGOTIATE, "--data-binary", "@" + upload[0],
                   env=apache.client_env("bob", mech))
    user = {"krb5": "bob@LAB.TEST", "ntlm": BOB}[mech]
    assert [(a.status, a.words["user"], a.words["sha256"]) for a in answers] == [(200, user, upload[1])] * 3
    assert len({r["conn"] for r in logged(apache, mark, 3)}) == 1


@pytest.mark.parametrize("path", ["/krb1", "/krbc"])
def test_kerberos_sent_unasked_stays_its_senders(proxy_chain, apache, path):
    """No 401 is ever seen here: the token in the request must bind the connection (HAProxy gives it to the next one)."""
    proxy = proxy_chain(2)[0]
    for _ in range(3):
        answer, = curl(proxy.url, apache.url(path), *NEGOTIATE, env=apache.client_env("bob", "krb5"))
        assert (answer.status, answer.words["user"]) == (200, "bob@LAB.TEST")
        assert curl(proxy.url, apache.url("/open"))[0].words["user"] == "-"
        assert curl(proxy.url, apache.url(path))[0].status == 401


def test_an_unknown_front_proxy_gets_sign_in_per_request_only(fairlead, ntlm_origin):
    """Via or X-Forwarded-For from somebody who is not in `intermediaries`: several users may stand behind the connection."""
    authority = f"ntlm.lab.test:{ntlm_origin.port}"
    with fairlead().connect() as c:
        forwarded = "X-Forwarded-For: 10.1.1.1\r\n"
        answer = sign_in(c, authority, "alice", fields=forwarded)
        assert (answer.status, echo.parse(answer.body.decode())["user"]) == (200, ALICE)
        if not answer.closes:
            assert c.ask(absolute(authority, fields="X-Forwarded-For: 10.1.1.2\r\n")).status == 401


def test_a_front_proxy_that_keeps_users_apart_is_believed(fairlead, ntlm_origin):
    authority = f"ntlm.lab.test:{ntlm_origin.port}"
    with fairlead(listen='intermediaries = {"127.0.0.1"}').connect() as c:
        forwarded = "X-Forwarded-For: 10.1.1.1\r\nVia: 1.1 front\r\n"
        assert sign_in(c, authority, "alice", fields=forwarded).status == 200
        answer = c.ask(absolute(authority, fields=forwarded))
        assert (answer.status, echo.parse(answer.body.decode())["user"]) == (200, ALICE)


def test_a_changed_forwarded_client_ends_the_sign_in(fairlead, ntlm_origin):
    authority = f"ntlm.lab.test:{ntlm_origin.port}"
    with fairlead(listen='intermediaries = {"127.0.0.1"}').connect() as c:
        assert sign_in(c, authority, "alice", fields="X-Forwarded-For: 10.1.1.1\r\n").status == 200
        c.send(absolute(authority, fields="X-Forwarded-For: 10.1.1.2\r\n"))
        try:
            answer = c.response()
        except Exception:
            return  # closed unanswered
        assert answer.status != 200, answer.body
        assert answer.closes


def test_the_log_tells_legs_and_pin(fairlead, ntlm_origin):
    proxy = fairlead()
    with proxy.connect() as c:
        sign_in(c, f"ntlm.lab.test:{ntlm_origin.port}", "alice", path="/logged")
        c.ask(absolute(f"ntlm.lab.test:{ntlm_origin.port}", "/logged"))
    rows = [r for r in proxy.log(3) if "/logged" in r["cs-uri"]]
    assert [r["sc-status"] for r in rows] == ["401", "200", "200"]
    assert [r["x-leg"] for r in rows] == ["ntlm-1", "ntlm-3", "-"]
    assert [r["x-pin"] for r in rows] == ["handshake", "signed-in", "signed-in"]
    assert len({r["x-server-connection"] for r in rows}) == 1
    assert proxy.metric("pins_total") == 1 and proxy.metric("pins_signed_in_total") == 1
