"""HTTP/1.1 through the proxy, byte by byte: both ends of each conversation are the test's own."""

import json
import os
import random
import re
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest

from lab import wire
from lab.dns import Dns
from lab.fairlead import OPEN_LOOPBACK, Fairlead, absolute, sanitized
from lab.processes import wait_until
from lab.wire import ScriptedOrigin, answering, ok


@pytest.fixture(scope="module")
def proxy(lab):
    """One proxy for the tests that need no settings of their own."""
    with Fairlead(lab) as p:
        yield p


def records(requests, answer=ok()):
    """A script that notes each request in the list `requests` and answers `answer` (or the next of a list)."""
    answers = iter(answer) if isinstance(answer, list) else None

    def script(w):
        while True:
            requests.append(w.request())
            w.send(next(answers) if answers else answer)
    return script


# ---- the forms of a request ------------------------------------------------------------------------------------------

def test_absolute_form_becomes_origin_form_and_host_follows_the_uri(proxy):
    seen = []
    with ScriptedOrigin(records(seen)) as o, proxy.connect() as c:
        a = c.ask(f"GET http://{o.authority}/a/b?c=d HTTP/1.1\r\nHost: other.example\r\nAccept: */*\r\n\r\n")
        b = c.ask(f"GET http://{o.authority} HTTP/1.1\r\nHost: {o.authority}\r\n\r\n")
    assert (a.status, a.body, b.status) == (200, b"ok", 200)
    assert seen[0].start == "GET /a/b?c=d HTTP/1.1" and seen[0].all("Host") == [o.authority]
    assert seen[1].start == "GET / HTTP/1.1"


def test_origin_form_to_a_proxy_is_refused_with_an_explanation(proxy):
    answer = proxy.ask("GET /x HTTP/1.1\r\nHost: somewhere.example\r\n\r\n")
    assert answer.status in (400, 404, 421) and answer.body and answer.get("Proxy-Status")


def test_options_asterisk(proxy):
    seen = []
    with ScriptedOrigin(records(seen)) as o, proxy.connect() as c:
        assert c.ask(f"OPTIONS http://{o.authority} HTTP/1.1\r\nHost: {o.authority}\r\n\r\n").status == 200
        own = c.ask("OPTIONS * HTTP/1.1\r\nHost: proxy.lab.test\r\n\r\n")
    assert seen[0].start == "OPTIONS * HTTP/1.1"
    assert own.status in (200, 204) and len(seen) == 1


def test_max_forwards_ends_trace_and_options_here(proxy):
    seen = []
    with ScriptedOrigin(records(seen)) as o, proxy.connect() as c:
        trace = c.ask(absolute(o.authority, "/t", "TRACE",
                               "Max-Forwards: 0\r\nCookie: secret=1\r\nAuthorization: Basic c2VjcmV0\r\nX-Kept: yes\r\n"))
        options = c.ask(absolute(o.authority, "/t", "OPTIONS", "Max-Forwards: 0\r\n"))
        assert c.ask(absolute(o.authority, "/t", "OPTIONS", "Max-Forwards: 5\r\n")).status == 200
        assert c.ask(absolute(o.authority, "/t", "GET", "Max-Forwards: 0\r\n")).status == 200
    assert trace.status == 200 and trace.get("Content-Type").startswith("message/http")
    assert b"X-Kept: yes" in trace.body and b"TRACE " in trace.body
    assert b"secret" not in trace.body and b"c2VjcmV0" not in trace.body
    assert options.status in (200, 204)
    assert [r.method for r in seen] == ["OPTIONS", "GET"] and seen[0].get("Max-Forwards") == "4"


def test_head_has_no_body_whatever_it_announces(proxy):
    with ScriptedOrigin(answering("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")) as o, proxy.connect() as c:
        for _ in range(2):
            answer = c.ask(absolute(o.authority, method="HEAD"))
            assert (answer.status, answer.get("Content-Length")) == (200, "5000")


@pytest.mark.parametrize("status", [204, 304])
def test_answers_without_a_body_keep_the_connection(proxy, status):
    with ScriptedOrigin(answering(f"HTTP/1.1 {status} X\r\nETag: \"a\"\r\n\r\n")) as o, proxy.connect() as c:
        for _ in range(2):
            assert c.ask(absolute(o.authority)).status == status


# ---- versions and framing --------------------------------------------------------------------------------------------

def test_a_http_1_0_client_gets_no_chunks_and_a_closed_connection(proxy):
    chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
    with ScriptedOrigin(answering(chunked)) as o, proxy.connect() as c:
        answer = c.ask(f"GET http://{o.authority}/ HTTP/1.0\r\n\r\n")
        assert answer.get("Transfer-Encoding") is None and answer.body == b"hello world"
        assert c.closed()


def test_a_http_1_0_client_that_asks_for_keep_alive(proxy):
    with ScriptedOrigin(answering(ok())) as o, proxy.connect() as c:
        for _ in range(2):
            answer = c.ask(f"GET http://{o.authority}/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            assert (answer.status, answer.body) == (200, b"ok")
            assert "keep-alive" in answer.get("Connection").lower()


def test_a_http_1_0_server_that_ends_its_body_by_closing(proxy):
    def script(w):
        w.request()
        w.send("HTTP/1.0 200 OK\r\n\r\nuntil the end")

    with ScriptedOrigin(script) as o, proxy.connect() as c:
        for _ in range(2):
            answer = c.ask(absolute(o.authority))
            assert answer.body == b"until the end" and answer.version == "HTTP/1.1"
            assert answer.get("Transfer-Encoding") == "chunked"


def test_chunked_both_ways_with_trailers(proxy):
    seen, sent = [], []

    def script(w):
        trailers = []
        seen.append(w.request(trailers=trailers))
        sent.extend(trailers)
        w.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 9\r\n\r\n")
        w.request()

    with ScriptedOrigin(script) as o, proxy.connect() as c:
        c.send(absolute(o.authority, "/", "POST", "Transfer-Encoding: chunked\r\nTE: trailers\r\nConnection: TE\r\n"
                        "Trailer: X-Count\r\n", "4;ext=1\r\nwxyz\r\n1\r\n!\r\n0\r\nX-Count: 5\r\n\r\n"))
        got = []
        answer = c.response(trailers=got)
        assert (answer.status, answer.body, got) == (200, b"abc", [("X-Sum", "9")])
        assert seen[0].body == b"wxyz!" and sent == [("X-Count", "5")]


def test_expect_100_continue_is_the_origins_to_answer(proxy):
    def script(w):
        head = w.request(body=False)
        assert head.get("Expect") == "100-continue"
        assert w.silent(0.3), "the body came before the 100"
        w.sock.settimeout(5)
        w.send("HTTP/1.1 100 Continue\r\n\r\n")
        assert w.read(5) == b"hello"
        w.send(ok())
        w.request()

    with ScriptedOrigin(script) as o, proxy.connect() as c:
        c.send(absolute(o.authority, "/", "POST", "Content-Length: 5\r\nExpect: 100-continue\r\n"))
        assert c.response().status == 100
        assert c.ask("hello", "POST").status == 200


def test_expect_100_continue_refused_by_a_final_answer(proxy):
    def script(w):
        w.request(body=False)
        w.send("HTTP/1.1 417 No\r\nContent-Length: 2\r\n\r\nno")
        w.rest()

    with ScriptedOrigin(script) as o, proxy.connect() as c:
        answer = c.ask(absolute(o.authority, "/", "PUT", "Content-Length: 100000\r\nExpect: 100-continue\r\n"))
        assert (answer.status, answer.body) == (417, b"no")


def test_informational_answers_are_relayed(proxy):
    early = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
    with ScriptedOrigin(answering(early + early + ok())) as o, proxy.connect() as c:
        c.send(absolute(o.authority))
        assert [(r.status, r.get("Link")) for r in (c.response(), c.response())] == [(103, "</a.css>; rel=preload")] * 2
        assert c.response().status == 200


def test_a_http_1_0_client_gets_no_informational_answers(proxy):
    with ScriptedOrigin(answering("HTTP/1.1 103 Early Hints\r\n\r\n" + ok())) as o, proxy.connect() as c:
        c.send(f"GET http://{o.authority}/ HTTP/1.0\r\n\r\n")
        assert c.response().status == 200


def test_an_early_final_answer_while_the_body_is_still_being_sent(proxy):
    """The origin says no after the first kilobyte; the client must read that although it has not sent all."""
    def script(w):
        w.request(body=False)
        w.read(1024)
        w.send("HTTP/1.1 403 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
        w.sock.shutdown(socket.SHUT_WR)
        w.rest()

    with ScriptedOrigin(script) as o, proxy.connect() as c:
        c.send(absolute(o.authority, "/", "POST", "Content-Length: 50000000\r\n"))
        c.send(b"x" * 4096)
        answer = c.response()
        assert (answer.status, answer.body) == (403, b"no")


@pytest.mark.skipif("FAIRLEAD_LATE" in os.environ, reason="a late kernel gives chunks in pieces")
def test_both_directions_of_one_exchange_move_at_once(proxy):
    """The origin echoes each piece before the next is sent: neither side may wait for the other to finish."""
    def script(w):
        w.request(body=False)
        w.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while (size := int(w.until(b"\r\n"), 16)):
            piece = w.read(size + 2)[:-2]
            w.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        w.until(b"\r\n")
        w.send("0\r\n\r\n")
        w.request()

    with ScriptedOrigin(script) as o, proxy.connect() as c:
        c.send(absolute(o.authority, "/", "POST", "Transfer-Encoding: chunked\r\n"))
        for i in range(20):
            c.send("5\r\nhel%02d\r\n" % i)
            if i == 0:
                assert c._head()[0].startswith("HTTP/1.1 200")
            assert c.read(int(c.until(b"\r\n"), 16) + 2) == b"hel%02d\r\n" % i
        c.send("0\r\n\r\n")
        assert c.until(b"0\r\n\r\n")


def test_a_client_that_shuts_its_sending_side_gets_its_answer(proxy):
    def script(w):
        w.request()
        time.sleep(0.3)
        w.send(ok("late"))

    with ScriptedOrigin(script) as o, proxy.connect() as c:
        c.send(absolute(o.authority))
        c.half_close()
        assert c.response().body == b"late"


def test_pipelined_requests_are_answered_in_order(proxy):
    def script(w):
        while True:
            path = w.request().uri
            time.sleep(0.05 if path == "/0" else 0)
            w.send(ok(path))

    with ScriptedOrigin(script) as o, ScriptedOrigin(script) as p, proxy.connect() as c:
        c.send("".join(absolute((o if i % 2 else p).authority, f"/{i}") for i in range(12)))
        assert [c.response().body.decode() for _ in range(12)] == [f"/{i}" for i in range(12)]


def test_a_message_in_any_two_pieces_is_the_same_message(proxy):
    """Request and answer, chunked with trailers, each cut at every byte."""
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-R\r\n\r\n5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nX-R: 1\r\n\r\n"
    cuts = iter(range(1, len(answer)))

    def script(w):
        while True:
            trailers = []
            head = w.request(trailers=trailers)
            assert (head.body, trailers) == (b"body of 12..", [("X-T", "2")]), head
            cut = next(cuts, 1)
            w.send(answer[:cut])
            time.sleep(0.0005)
            w.send(answer[cut:])

    with ScriptedOrigin(script) as o, proxy.connect() as c:
        request = absolute(o.authority, "/p", "POST", "Transfer-Encoding: chunked\r\nTE: trailers\r\nConnection: TE\r\nTrailer: X-T\r\n",
                           "4\r\nbody\r\n8;x\r\n of 12..\r\n0\r\nX-T: 2\r\n\r\n").encode()
        for cut in range(1, len(request)):
            c.send(request[:cut])
            time.sleep(0.0005)
            c.send(request[cut:])
            trailers = []
            got = c.response(trailers=trailers)
            assert (got.status, got.body, trailers) == (200, b"hello!", [("X-R", "1")]), cut


def test_a_large_body_in_chunks_of_every_size(proxy):
    """Chunk lines fall on every place of the buffers."""
    body = os.urandom(40000)
    rng = random.Random(3)

    def script(w):
        while True:
            got = w.request().body
            w.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while got:
                n = rng.choice((1, 7, 100, 4095, 4096, 16384, 20000))
                w.send(b"%x\r\n%s\r\n" % (len(got[:n]), got[:n]))
                got = got[n:]
            w.send("0\r\n\r\n")

    with ScriptedOrigin(script) as o, proxy.connect() as c:
        for turn in range(60):
            c.send(absolute(o.authority, "/", "POST", "Transfer-Encoding: chunked\r\n"))
            text, left = b"", body[:rng.randrange(1, len(body))]
            expected = left
            while left:
                n = rng.choice((1, 3, 50, 1000, 4090, 16000, 17000))
                text += b"%x\r\n%s\r\n" % (len(left[:n]), left[:n])
                left = left[n:]
            c.send(text + b"0\r\n\r\n")
            assert c.response().body == expected, turn


def test_an_empty_line_before_a_request_is_skipped(proxy):
    with ScriptedOrigin(answering(ok())) as o, proxy.connect() as c:
        for _ in range(2):
            assert c.ask("\r\n" + absolute(o.authority), "GET").status == 200


# ---- sizes -----------------------------------------------------------------------------------------------------------

def big_head(field, total):
    """Field lines: one of `field` bytes, then 1 KB ones until there are about `total`."""
    lines = ["X-Big: " + "b" * (field - 9)]
    while sum(len(line) + 2 for line in lines) < total - 1100:
        lines.append(f"X-More-{len(lines)}: " + "m" * 1000)
    return "\r\n".join(lines) + "\r\n"


def test_a_field_of_64_kib_and_a_head_of_128_kib_pass_both_ways(proxy):
    fields = big_head(65000, 126000)
    seen = []
    with ScriptedOrigin(records(seen, ok(fields=fields))) as o, proxy.connect() as c:
        for _ in range(2):
            answer = c.ask(absolute(o.authority, fields=fields))
            assert answer.status == 200 and len(answer.get("X-Big")) == 65000 - 9
            assert len(answer.fields) > 55
    assert len(seen[0].get("X-Big")) == 65000 - 9


def test_a_larger_head_is_refused_by_name(proxy):
    with ScriptedOrigin(answering(ok())) as o:
        for fields, name in ((big_head(1000, 180000), "head"), (big_head(100000, 101000), "field")):
            answer = proxy.ask(absolute(o.authority, fields=fields))
            assert answer.status == 431 and name in answer.get("Proxy-Status").lower() and answer.closes
        assert o.accepted == 0


def test_a_larger_answer_is_refused_by_name(proxy):
    with ScriptedOrigin(answering(ok(fields=big_head(1000, 180000)))) as o:
        answer = proxy.ask(absolute(o.authority))
        assert answer.status == 502 and "http_response_header_section_size" in answer.get("Proxy-Status")


@pytest.mark.slow
def test_gigabytes_pass_in_constant_memory(fairlead):
    size, block = 3 << 30, b"z" * (1 << 20)

    def download(w):
        w.request()
        w.send(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n")
        for _ in range(size // len(block)):
            w.send(block)

    def upload(w):
        w.request(body=False)
        left, room = size // 2 - len(w.buffer), bytearray(1 << 20)
        while left:
            left -= w.sock.recv_into(room, min(left, len(room)))
        w.send(ok("all"))

    proxy = fairlead()
    with ScriptedOrigin(download, upload) as o, proxy.connect() as c:
        c.send(absolute(o.authority))
        assert "200" in c._head()[0]
        left, room, first = size - len(c.buffer), bytearray(1 << 20), None
        c.buffer = b""
        while left:
            left -= c.sock.recv_into(room, min(left, len(room)))
            if first is None and left < size * 0.9:
                first = proxy.memory()
        assert sanitized() or proxy.memory() < first + (2 << 20)
        c.send(absolute(o.authority, "/", "POST", f"Content-Length: {size // 2}\r\n"))
        for _ in range(size // 2 // len(block)):
            c.send(block)
        assert c.response().body == b"all"
        assert sanitized() or proxy.memory() < first + (2 << 20)


# ---- what an intermediary removes and adds ---------------------------------------------------------------------------

def test_hop_by_hop_fields_end_here_in_both_directions(proxy):
    seen = []
    fields = ("Connection: X-Mine, keep-alive\r\nX-Mine: 1\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\n"
              "TE: trailers\r\nProxy-Authorization: Basic c2VjcmV0\r\nUpgrade: h2c\r\nX-Theirs: 2\r\nCookie: a=b\r\n")
    back = ("Connection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=9\r\nProxy-Connection: close\r\n"
            "Proxy-Authentication-Info: x\r\nX-End: 2\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n")
    with ScriptedOrigin(records(seen, ok(fields=back))) as o, proxy.connect() as c:
        answer = c.ask(absolute(o.authority, fields=fields))
    for name in ("X-Mine", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "Upgrade"):
        assert seen[0].get(name) is None, name
    assert (seen[0].get("X-Theirs"), seen[0].get("Cookie")) == ("2", "a=b")
    for name in ("X-Hop", "Proxy-Connection", "Proxy-Authentication-Info"):
        assert answer.get(name) is None, name
    assert answer.get("X-End") == "2" and answer.all("Set-Cookie") == ["a=1", "b=2"]


def test_what_frames_and_routes_cannot_be_nominated_away(proxy):
    seen = []
    fields = "Connection: Host, Content-Length, Authorization, Cookie\r\nCookie: a=b\r\nAuthorization: Basic eA==\r\n"
    with ScriptedOrigin(records(seen)) as o:
        answer = proxy.ask(absolute(o.authority, "/", "POST", fields + "Content-Length: 3\r\n", "abc"))
        assert answer.status in (200, 400)
        if answer.status == 200:
            assert seen[0].body == b"abc" and seen[0].get("Host") and seen[0].get("Cookie") and seen[0].get("Authorization")


def test_via_is_added_in_both_directions(proxy):
    seen = []
    with ScriptedOrigin(records(seen, ok(fields="Via: 1.0 inner\r\n"))) as o, proxy.connect() as c:
        answer = c.ask(absolute(o.authority, fields="Via: 1.1 outer\r\n"))
    assert re.fullmatch(r"1\.1 outer, 1\.1 \S*proxy\.lab\.test\S*( \(.*\))?", seen[0].get("Via"))
    assert re.fullmatch(r"1\.0 inner, 1\.1 \S*proxy\.lab\.test\S*( \(.*\))?", answer.get("Via"))


def test_a_loop_is_detected_by_our_own_name(fairlead):
    proxy = fairlead(routes='', upstreams='')
    proxy.write_settings(upstreams=f'upstream me {{ member "127.0.0.1:{proxy.port}" {{ }} }}',
                         routes='route { to = {"*"}  via = me }')
    proxy.reload()
    proxy.wait_metric("reloads_total", lambda n: n == 1)
    answer = proxy.ask(absolute("origin.lab.test"), seconds=5)
    assert answer.status in (502, 508) and "proxy_loop_detected" in answer.get("Proxy-Status")
    assert proxy.metric("server_connections_total") <= 2


def test_date_is_added_where_it_is_missing(proxy):
    with ScriptedOrigin(answering(ok()), answering(ok(fields="Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"))) as o, \
            proxy.connect() as c:
        now = time.strftime("%a, %d %b %Y", time.gmtime())
        first = c.ask(absolute(o.authority, fields="Connection: close\r\n"))
        assert len(first.all("Date")) == 1 and first.get("Date").startswith(now)
    with ScriptedOrigin(answering(ok(fields="Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"))) as o:
        assert proxy.ask(absolute(o.authority)).all("Date") == ["Sun, 06 Nov 1994 08:49:37 GMT"]


def test_a_407_of_an_origin_is_not_ours_to_hand_on(proxy):
    with ScriptedOrigin(answering("HTTP/1.1 407 X\r\nProxy-Authenticate: Basic realm=\"a\"\r\nContent-Length: 0\r\n\r\n")) as o:
        answer = proxy.ask(absolute(o.authority))
    assert answer.status == 502 and answer.get("Proxy-Authenticate") is None


# ---- tunnels ---------------------------------------------------------------------------------------------------------

def connect_to(c, authority, fields=""):
    return c.ask(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{fields}\r\n")


def test_connect_carries_bytes_both_ways_and_half_closes(proxy):
    def script(w):
        assert w.read(5) == b"hello"
        w.send("server speaks")
        assert w.rest() == b"more"
        w.send("and answers after the end")

    with ScriptedOrigin(script) as o, proxy.connect() as c:
        answer = connect_to(c, o.authority)
        assert answer.status == 200 and answer.get("Content-Length") is None and answer.get("Transfer-Encoding") is None
        c.send("hello")
        assert c.read(13) == b"server speaks"
        c.send("more")
        c.half_close()
        assert c.rest() == b"and answers after the end"


def test_bytes_sent_right_behind_connect_are_not_lost(proxy):
    def script(w):
        w.send(w.read(5).upper())
        w.rest()

    with ScriptedOrigin(script) as o, proxy.connect() as c:
        c.send(f"CONNECT {o.authority} HTTP/1.1\r\nHost: {o.authority}\r\n\r\nearly")
        assert c.response("CONNECT").status == 200
        assert c.read(5) == b"EARLY"


def test_a_tunnel_moves_a_gigabyte_without_damage(proxy):
    block = os.urandom(1 << 20)
    count = 512

    def script(w):
        for _ in range(count):
            w.send(block)
        w.half_close()
        w.rest()

    with ScriptedOrigin(script, seconds=60) as o, proxy.connect(60) as c:
        connect_to(c, o.authority)
        for _ in range(count):
            assert c.read(len(block)) == block
        assert c.rest() == b""


def test_a_refused_connect_says_why_in_its_reason_phrase(fairlead):
    """Browsers and curl hide the body, so number and short text are in the status line."""
    proxy = fairlead(connect_ports='"443", "8000-8010"')
    answer = proxy.ask("CONNECT origin.lab.test:25 HTTP/1.1\r\nHost: origin.lab.test:25\r\n\r\n")
    assert answer.status == 403 and "12204" in answer.reason and "connect-ports" in answer.body.decode()
    refused = proxy.ask("CONNECT origin.lab.test:8007 HTTP/1.1\r\nHost: origin.lab.test:8007\r\n\r\n")
    assert refused.status == 502 and len(refused.reason) > 12
    assert "connection_refused" in refused.get("Proxy-Status")


def test_a_connect_that_the_parent_refuses_never_becomes_a_tunnel(fairlead):
    heads = []

    def script(w):
        heads.append(w.request())
        w.send("HTTP/1.1 503 Not now\r\nContent-Length: 4\r\n\r\nwait")
        heads.append(w.request())

    with ScriptedOrigin(script) as parent:
        proxy = fairlead(upstreams=f'upstream up {{ member "127.0.0.1:{parent.port}" {{ }} }}',
                         routes='route { to = {"*"}  via = up }')
        with proxy.connect() as c:
            c.send("CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\nGET http://b.example/ HTTP/1.1\r\n\r\n")
            answer = c.response("CONNECT")
            assert answer.status == 503 or answer.status == 502
            time.sleep(0.3)
    assert heads[0].start == "CONNECT a.example:443 HTTP/1.1"
    assert all("b.example" not in h.start for h in heads)


def test_websocket_upgrade_over_plain_http(proxy):
    def script(w):
        head = w.request()
        assert head.get("Upgrade") == "websocket" and "upgrade" in head.get("Connection").lower()
        w.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Accept: x\r\n\r\nfirst")
        assert w.read(3) == b"abc"
        w.send("xyz")
        w.rest()

    with ScriptedOrigin(script) as o, proxy.connect() as c:
        answer = c.ask(absolute(o.authority, "/ws", fields="Upgrade: websocket\r\nConnection: Upgrade\r\n"
                                "Sec-WebSocket-Key: eA==\r\nSec-WebSocket-Version: 13\r\n"))
        assert (answer.status, answer.get("Upgrade"), answer.get("Sec-WebSocket-Accept")) == (101, "websocket", "x")
        assert c.read(5) == b"first"
        c.send("abc")
        assert c.read(3) == b"xyz"


def test_an_upgrade_that_the_origin_ignores_is_a_plain_exchange(proxy):
    with ScriptedOrigin(answering(ok())) as o, proxy.connect() as c:
        for _ in range(2):
            answer = c.ask(absolute(o.authority, fields="Upgrade: websocket\r\nConnection: Upgrade\r\n"))
            assert (answer.status, answer.body) == (200, b"ok")


def test_a_switch_of_protocols_that_nobody_asked_for_is_refused(proxy):
    with ScriptedOrigin(answering("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")) as o:
        assert proxy.ask(absolute(o.authority)).status == 502


# ---- wrong doors -----------------------------------------------------------------------------------------------------

def test_tls_on_a_plain_port_gets_a_named_answer(proxy):
    with proxy.connect(5) as c:
        c.send(bytes.fromhex("16030100c8010000c40303") + os.urandom(190))
        try:
            answer = c.rest()
        except ConnectionResetError:
            answer = b""
    assert answer[:1] == b"\x15" or b"400" in answer.split(b"\r\n")[0], answer[:60]
    wait_until(lambda: any(r["x-end"] == "tls-on-plain-port" for r in proxy.log()), "a row in the log")


def test_ftp_gets_a_named_answer(proxy):
    answer = proxy.ask("GET ftp://files.example/x HTTP/1.1\r\nHost: files.example\r\n\r\n")
    assert answer.status in (400, 501) and b"ftp" in answer.body.lower() and answer.get("Proxy-Status")


@pytest.mark.parametrize("uri", ["http://user:pw@origin.lab.test/", "http:///x", "http://origin.lab.test:99999/",
                                 "https://origin.lab.test/", "gopher://a/"])
def test_uris_that_no_proxy_should_take(proxy, uri):
    answer = proxy.ask(f"GET {uri} HTTP/1.1\r\nHost: origin.lab.test\r\n\r\n")
    assert 400 <= answer.status < 600 and answer.status not in (404, 503)


# ---- where one may go ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("host", ["127.0.0.1", "localhost.lab.test", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0177.0.0.1",
                                  "127.1", "0x7f.0.0.1", "0.0.0.0", "169.254.1.1", "[::ffff:7f00:1]", "[::]"])
def test_loopback_and_link_local_are_refused_by_default(fairlead, lab, host):
    hosts = lab.write("hosts-local", "127.0.0.1 localhost.lab.test\n")
    with ScriptedOrigin(answering(ok("INSIDE"))) as o:
        proxy = fairlead(access="", hosts=hosts)
        answer = proxy.ask(absolute(f"{host}:{o.port}"), seconds=6)
        assert answer.status in (400, 403, 502, 504) and b"INSIDE" not in answer.body
        assert o.accepted == 0
        if host in ("127.0.0.1", "localhost.lab.test", "[::1]", "[::ffff:127.0.0.1]"):
            assert answer.status == 403 and b"access" in answer.body, "the refusal shows the line that would allow it"


def test_a_name_that_rebinds_to_loopback_is_refused(fairlead):
    with ScriptedOrigin(answering(ok("INSIDE"))) as o, Dns({"rebind.example": ["127.0.0.1"], "six.example": ["::ffff:127.0.0.1"]}) as dns:
        proxy = fairlead(access='access { action = allow  to = {"*"} }', dns=dns.port)
        for name in ("rebind.example", "six.example"):
            answer = proxy.ask(absolute(f"{name}:{o.port}"))
            assert answer.status == 403, answer.start
        assert o.accepted == 0


def test_our_own_listeners_are_refused(fairlead):
    proxy = fairlead(access="")
    for port in (proxy.port, proxy.console):
        answer = proxy.ask(absolute(f"127.0.0.1:{port}", "/metrics"))
        assert answer.status == 403


def test_access_rules_first_match_wins(fairlead):
    with ScriptedOrigin(answering(ok())) as o:
        proxy = fairlead(access='access { action = deny  to = {"site1.lab.test"} }\n'
                                'access { action = deny  to = {"*"}  methods = {"DELETE"} }\n' + OPEN_LOOPBACK)
        assert proxy.ask(absolute(f"site2.lab.test:{o.port}")).status == 200
        assert proxy.ask(absolute(f"site2.lab.test:{o.port}", method="DELETE")).status == 403
        denied = proxy.ask(absolute(f"site1.lab.test:{o.port}"))
        assert denied.status == 403 and b"site1.lab.test" in denied.body
        assert o.accepted == 1


def test_clients_outside_the_setting_get_a_403_that_names_it(fairlead):
    proxy = fairlead(listen='clients = {"10.9.0.0/16"}')
    answer = proxy.ask(absolute("origin.lab.test"))
    assert answer.status == 403 and b"clients" in answer.body


@pytest.mark.parametrize("version", [1, 2])
def test_the_proxy_protocol_tells_the_client(fairlead, version):
    header = b"PROXY TCP4 10.1.2.3 127.0.0.1 4444 80\r\n" if version == 1 else \
        bytes.fromhex("0d0a0d0a000d0a515549540a2111000c") + bytes([10, 1, 2, 3, 127, 0, 0, 1]) + b"\x11\x5c\x00\x50"
    with ScriptedOrigin(answering(ok())) as o:
        proxy = fairlead(listen='proxy-protocol-from = {"127.0.0.1"}  clients = {"10.1.0.0/16"}')
        with proxy.connect() as c:
            assert c.ask(header + absolute(o.authority).encode(), "GET").status == 200
        assert proxy.log()[-1]["c-ip"] == "10.1.2.3"


def test_a_proxy_protocol_header_from_a_stranger_is_a_malformed_request(fairlead):
    with fairlead().connect() as c:
        answer = c.ask("PROXY TCP4 10.1.2.3 127.0.0.1 4444 80\r\n" + absolute("origin.lab.test"), "GET")
        assert answer.status == 400


# ---- saying what broke -----------------------------------------------------------------------------------------------

def test_error_pages_are_html_or_plain_text_by_accept(fairlead):
    proxy = fairlead()
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        authority = f"origin.lab.test:{unused.getsockname()[1]}"
        html = proxy.ask(absolute(authority, fields="Accept: text/html,*/*;q=0.8\r\n"))
        text = proxy.ask(absolute(authority, fields="Accept: text/plain\r\n"))
        curl = proxy.ask(absolute(authority, fields="Accept: */*\r\n"))
    assert [a.status for a in (html, text, curl)] == [502] * 3
    assert html.get("Content-Type").startswith("text/html") and text.get("Content-Type").startswith("text/plain")
    assert curl.get("Content-Type").startswith("text/plain")
    for answer in (html, text):
        assert b"helpdesk@lab.test" in answer.body and b"proxy.lab.test" in answer.body
        assert "connection_refused" in answer.get("Proxy-Status") and "no-store" in answer.get("Cache-Control")
    shown = re.search(r"exchange ([-0-9a-f]+)", text.body.decode()).group(1)
    assert shown in text.get("Proxy-Status"), "page and Proxy-Status show one exchange id"
    assert shown in [row["x-id"] for row in proxy.log(3)], "so does the log"


def test_what_a_page_repeats_is_escaped(proxy):
    answer = proxy.ask("GET http://origin.lab.test:1/%3Cb%3E?<script> HTTP/1.1\r\nHost: origin.lab.test:1\r\n"
                       "Accept: text/html\r\n\r\n")
    assert b"<script>" not in answer.body


@pytest.mark.parametrize("accept,marker", [("text/html", b"<"), ("text/plain", b"")])
def test_a_malformed_request_is_refused_with_its_name(proxy, accept, marker):
    answer = proxy.ask(f"GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\nAccept: {accept}\r\n"
                       "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello")
    assert answer.status == 400 and answer.closes
    assert "http_request_error" in answer.get("Proxy-Status") and "length-repeated" in answer.get("Proxy-Status") + answer.body.decode()


def test_health_and_metrics(fairlead):
    proxy = fairlead()
    with ScriptedOrigin(answering(ok())) as o, proxy.connect() as c:
        for _ in range(3):
            assert c.ask(absolute(o.authority)).status == 200
        figures = proxy.metrics()
        assert figures["client_connections"] == 2, "ours, and the one that asks"
        assert figures["exchanges_total"] >= 3
        assert figures["server_connections_total"] == 1 and figures["server_connections_reused_total"] == 2
    assert proxy.health() == 200


FIELDS = ["date", "time", "c-ip", "c-port", "cs-username", "cs-method", "cs-uri", "sc-status", "sc-substatus", "sc-win32-status",
          "sc-bytes", "cs-bytes", "time-taken"]


def test_the_access_log_in_w3c(fairlead):
    proxy = fairlead()
    with ScriptedOrigin(answering(ok("12345"))) as o, proxy.connect() as c:
        request = absolute(o.authority, "/a%20b?q=1", fields="User-Agent: a b\r\n")
        c.ask(request)
        client_port = c.local_port
        row = proxy.log()[0]
    assert [f for f in FIELDS if f not in row] == []
    assert (row["c-ip"], row["c-port"], row["cs-username"], row["cs-method"]) == ("127.0.0.1", str(client_port), "-", "GET")
    assert row["cs-uri"] == f"http://{o.authority}/a%20b?q=1" and row["sc-status"] == "200"
    assert int(row["cs-bytes"]) == len(request) and int(row["sc-bytes"]) > 40
    assert (row["x-hop"], row["x-server"], row["x-end"]) == ("direct", f"127.0.0.1:{o.port}", "ok")
    assert row["date"] == time.strftime("%Y-%m-%d", time.gmtime())
    with open(proxy.access_file) as f:
        head = f.read(400)
    assert head.startswith("#") and "#Version: 1.0" in head and "#Fields: " in head


def test_the_access_log_in_json_without_the_query(fairlead):
    proxy = fairlead(log_format="json", log_more="query = drop")
    with ScriptedOrigin(answering(ok())) as o:
        proxy.ask(absolute(o.authority, "/x\"y?secret=1"))
    row = proxy.log()[0]
    text = json.dumps(row)
    assert "secret" not in text and "/x" in text and "200" in text


def test_logs_are_reopened_on_sigusr1(fairlead):
    proxy = fairlead()
    with ScriptedOrigin(answering(ok())) as o:
        proxy.ask(absolute(o.authority, "/before"))
        proxy.log(1)
        os.rename(proxy.access_file, proxy.access_file + ".1")
        proxy.process.signal(signal.SIGUSR1)
        wait_until(lambda: os.path.exists(proxy.access_file), "a new log")
        proxy.ask(absolute(o.authority, "/after"))
        assert [r["cs-uri"][-6:] for r in proxy.log(1)] == ["/after"]
    with open(proxy.access_file + ".1") as f:
        assert "/before" in f.read()


def test_without_an_access_log_no_line_is_made(fairlead):
    proxy = fairlead(access_file="none")
    with ScriptedOrigin(answering(ok())) as o:
        lines = proxy.metric("log_lines_total")
        assert proxy.ask(absolute(o.authority, "/before")).status == 200
        assert proxy.metric("log_lines_total") == lines
        assert not os.path.exists(os.path.join(proxy.lab.directory, "none"))
        proxy.access_file = f"{proxy.folder}/access.log"
        proxy.write_settings()
        proxy.reload()
        wait_until(lambda: os.path.exists(proxy.access_file), "a log")

        def line_comes():  # a worker may be about to take the new settings still
            proxy.ask(absolute(o.authority, "/after"))
            return [r for r in proxy.log(0) if r["cs-uri"].endswith("/after")]
        wait_until(line_comes, "a line", step=0.2)


def test_a_full_disk_loses_log_lines_but_no_traffic(fairlead):
    proxy = fairlead(access_file="/dev/full")
    with ScriptedOrigin(answering(ok())) as o, proxy.connect() as c:
        for _ in range(300):
            assert c.ask(absolute(o.authority)).status == 200
        proxy.wait_metric("log_lines_lost_total", lambda n: n >= 300)


def test_the_exchange_id_is_handed_to_a_parent_and_not_to_an_origin(proxy_chain):
    seen = []
    with ScriptedOrigin(records(seen)) as o:
        outer, inner = proxy_chain(2)
        assert outer.ask(absolute(o.authority)).status == 200
        ids = [p.log()[0]["x-id"] for p in (outer, inner)]
    assert ids[0] == ids[1], "the logs of a chain can be joined"
    assert not any(ids[0] in value for _, value in seen[0].fields)


# ---- routes ----------------------------------------------------------------------------------------------------------

def test_a_name_routed_to_a_parent_is_never_resolved_here(fairlead):
    with ScriptedOrigin(answering(ok("via parent"))) as parent, Dns({}, delay=5) as dns:
        proxy = fairlead(dns=dns.port, upstreams=f'upstream up {{ member "127.0.0.1:{parent.port}" {{ }} }}',
                         routes='route { to = {"*"}  via = up }')
        begin = time.monotonic()
        assert proxy.ask(absolute("unknown.example")).body == b"via parent"
        assert time.monotonic() - begin < 1 and dns.asked == []


def test_a_backup_member_takes_over(fairlead):
    with ScriptedOrigin(answering(ok("backup"))) as backup, socket.socket() as dead:
        dead.bind(("127.0.0.1", 0))
        proxy = fairlead(upstreams=f'upstream up {{ member "127.0.0.1:{dead.getsockname()[1]}" {{ }}\n'
                                   f'member "127.0.0.1:{backup.port}" {{ backup = true }} }}',
                         routes='route { to = {"*"}  via = up }')
        for _ in range(3):
            assert proxy.ask(absolute("a.example")).body == b"backup"


def test_or_direct_when_no_member_answers(fairlead):
    with ScriptedOrigin(answering(ok("direct"))) as o, socket.socket() as dead:
        dead.bind(("127.0.0.1", 0))
        proxy = fairlead(upstreams=f'upstream up {{ member "127.0.0.1:{dead.getsockname()[1]}" {{ }}  or-direct = true }}',
                         routes='route { to = {"*"}  via = up }')
        assert proxy.ask(absolute(o.authority)).body == b"direct"


def test_a_parent_gets_the_absolute_form(fairlead):
    seen = []
    with ScriptedOrigin(records(seen)) as parent:
        proxy = fairlead(upstreams=f'upstream up {{ member "127.0.0.1:{parent.port}" {{ }} }}',
                         routes='route { to = {"*"}  via = up }')
        proxy.ask(absolute("a.example:8080", "/x?y", fields="Proxy-Authorization: Basic eA==\r\n"))
    assert seen[0].start == "GET http://a.example:8080/x?y HTTP/1.1" and seen[0].get("Host") == "a.example:8080"
    assert seen[0].get("Proxy-Authorization") is None


def test_a_parent_that_wants_a_sign_in_is_named(fairlead):
    """Its 407 is not the client's to answer: 12201 says which hop wanted what."""
    wants = "HTTP/1.1 407 No\r\nProxy-Authenticate: NTLM\r\nProxy-Authenticate: Basic realm=\"p\"\r\nContent-Length: 2\r\n\r\nno"
    with ScriptedOrigin(answering(wants)) as parent:
        proxy = fairlead(upstreams=f'upstream head-office {{ member "127.0.0.1:{parent.port}" {{ }} }}',
                         routes='route { to = {"*"}  via = head-office }')
        answer = proxy.ask(absolute("a.example"))
        tunnel = proxy.ask("CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n")
    assert answer.status == tunnel.status == 502
    assert b"12201" in answer.body and b"head-office" in answer.body and "12201" in tunnel.reason
    assert answer.get("Proxy-Authenticate") is None
    assert [r["sc-win32-status"] for r in proxy.log(2)] == ["12201"] * 2


def test_a_parent_over_tls_must_show_the_right_certificate(fairlead, lab):
    d = lab.folder("tls")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=parent.lab.test", "-addext", "subjectAltName=DNS:parent.lab.test", "-keyout", f"{d}/key.pem",
                    "-out", f"{d}/cert.pem"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{d}/cert.pem", f"{d}/key.pem")
    body = "x" * 3_000_000

    def script(w):
        inner = wire.Wire(context.wrap_socket(w.sock, server_side=True))
        while True:
            inner.request()
            inner.send(ok(body))

    with ScriptedOrigin(script) as parent:
        def proxy_for(name):
            return fairlead(routes='route { to = {"*"}  via = up }', upstreams=f"""upstream up {{
                member "127.0.0.1:{parent.port}" {{ }}
                tls {{ ca = "{d}/cert.pem"  name = "{name}" }} }}""")
        with proxy_for("parent.lab.test").connect() as c:
            for _ in range(2):
                assert c.ask(absolute("a.example")).body == body.encode()
        wrong = proxy_for("somebody.else.test").ask(absolute("a.example"))
    assert wrong.status == 502 and "tls_certificate_error" in wrong.get("Proxy-Status")


def test_a_route_without_pins_takes_what_cannot_work_out_of_challenges(fairlead):
    """The client then chooses what works; where nothing is left, it gets an explanation and no mute 401."""
    challenge = "HTTP/1.1 401 No\r\nWWW-Authenticate: Negotiate\r\nWWW-Authenticate: NTLM\r\n{}Content-Length: 0\r\n\r\n"
    proxy = fairlead(routes='route { to = {"*"}  via = direct  pin = false }')
    with ScriptedOrigin(answering(challenge.format('WWW-Authenticate: Basic realm="a, b"\r\n'))) as o:
        answer = proxy.ask(absolute(o.authority))
        assert answer.status == 401 and answer.all("WWW-Authenticate") == ['Basic realm="a, b"']
        assert answer.get("Proxy-Support") is None
    with ScriptedOrigin(answering(challenge.format(""))) as o:
        answer = proxy.ask(absolute(o.authority))
        assert answer.status == 502 and answer.body


def test_challenges_reach_the_client_unchanged_and_in_order(proxy):
    lines = ["Negotiate", "NTLM", 'Basic realm="x, y"', 'Digest realm="a", nonce="b"']
    fields = "".join(f"WWW-Authenticate: {line}\r\n" for line in lines)
    with ScriptedOrigin(answering(f"HTTP/1.1 401 X\r\n{fields}Content-Length: 0\r\n\r\n")) as o:
        assert proxy.ask(absolute(o.authority)).all("WWW-Authenticate") == lines


def test_server_connections_are_shared_and_never_more_than_needed(fairlead):
    with ScriptedOrigin(answering(ok())) as o:
        proxy = fairlead(workers=1)
        for _ in range(10):
            with proxy.connect() as c:
                assert c.ask(absolute(o.authority)).status == 200
        assert o.accepted == 1


@pytest.mark.parametrize("hops", [2, 3])
def test_what_passes_one_proxy_passes_a_chain(proxy_chain, hops):
    """100-continue, trailers, early hints, a tunnel and an upgrade, hop by hop."""
    def http(w):
        assert w.request(body=False).get("Expect") == "100-continue"
        w.send("HTTP/1.1 100 Continue\r\n\r\n")
        trailers = []
        assert w.chunked(trailers) == b"body" and trailers == [("X-T", "1")]
        w.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
               "2\r\nhi\r\n0\r\nX-R: 2\r\n\r\n")
        w.rest()

    def raw(w):
        w.send(w.read(4)[::-1])
        assert w.rest() == b"end"
        w.send("bye")

    def upgrade(w):
        w.request()
        w.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nws")
        assert w.read(4) == b"ping"
        w.send("pong")
        w.rest()

    proxy = proxy_chain(hops)[0]
    with ScriptedOrigin(http, raw, upgrade) as o:
        with proxy.connect() as c:
            c.send(absolute(o.authority, "/", "POST", "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n"
                            "TE: trailers\r\nConnection: TE\r\n"))
            assert c.response().status == 100
            c.send("4\r\nbody\r\n0\r\nX-T: 1\r\n\r\n")
            assert c.response().get("Link") == "</a>"
            trailers = []
            assert c.response(trailers=trailers).body == b"hi" and trailers == [("X-R", "2")]
        with proxy.connect() as c:
            assert connect_to(c, o.authority).status == 200
            c.send("abcd")
            assert c.read(4) == b"dcba"
            c.send("end")
            c.half_close()
            assert c.rest() == b"bye"
        with proxy.connect() as c:
            assert c.ask(absolute(o.authority, fields="Upgrade: websocket\r\nConnection: Upgrade\r\n")).status == 101
            assert c.read(2) == b"ws"
            c.send("ping")
            assert c.read(4) == b"pong"


def test_every_exchange_has_its_row(fairlead):
    """Also under load, also what was refused: the log is complete when the proxy has stopped."""
    proxy = fairlead()
    with ScriptedOrigin(answering(ok())) as o:
        def person():
            with proxy.connect(20) as c:
                for i in range(200):
                    c.ask(absolute(o.authority if i % 10 else "site1.lab.test:1"))
        people = [threading.Thread(target=person) for _ in range(10)]
        for p in people:
            p.start()
        for p in people:
            p.join()
    proxy.stop()
    rows = proxy.log(0)
    assert len(rows) == 2000 and [r["sc-status"] for r in rows].count("502") == 200
    assert len({r["x-id"] for r in rows}) == 2000
    assert {(r["x-client-connection"], r["x-request"]) for r in rows} == \
        {(n, str(i)) for n in {r["x-client-connection"] for r in rows} for i in range(1, 201)}


def test_many_clients_at_once(fairlead):
    def script(w):
        while True:
            path = w.request().uri
            w.send(ok(path))

    proxy = fairlead()
    wrong = []
    with ScriptedOrigin(script) as o:
        def person(n):
            with proxy.connect(20) as c:
                for i in range(100):
                    if c.ask(absolute(o.authority, f"/{n}/{i}")).body.decode() != f"/{n}/{i}":
                        wrong.append((n, i))
        people = [threading.Thread(target=person, args=(n,)) for n in range(20)]
        for p in people:
            p.start()
        for p in people:
            p.join()
    assert wrong == [] and proxy.metric("exchanges_total") >= 2000
