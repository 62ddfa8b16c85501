"""Where one step ends and the next begins: failed dials in a sign-in, writes that fail beside answers, what is left of a
request when its answer is out, and waiting for one of a parent's few connections."""

import signal
import threading
import time

import pytest

from lab.fairlead import absolute
from lab.processes import free_port, wait_until
from lab.signin import type1_fields
from lab.wire import Closed, ScriptedOrigin, answering, ok


@pytest.fixture(scope="module")
def proxy(lab):
    from lab.fairlead import Fairlead
    with Fairlead(lab, timeouts="connect = 2s  head = 2s  idle = 60s  request-body = 2s  response-head = 5s  write = 2s") as p:
        yield p


def test_a_sign_in_to_a_server_that_cannot_be_reached_may_be_tried_again(proxy):
    port = free_port()
    request = absolute(f"origin.lab.test:{port}", "/", fields=type1_fields())
    with proxy.connect() as c:
        for _ in range(3):
            answer = c.ask(request)
            assert answer.status == 502
        assert c.ask(absolute(f"origin.lab.test:{port}", "/plain")).status == 502
    with ScriptedOrigin(answering(ok())) as o, proxy.connect() as c:
        assert c.ask(absolute(o.authority)).status == 200


def test_the_rest_of_a_body_that_could_not_be_sent_is_never_a_request(fairlead):
    """The server answers out of turn and resets; both are known only when the request is already on its way."""
    seen = []

    def script(w):
        seen.append(w.request().uri)
        w.send(ok())
        stopped.wait(5)
        w.send(ok("out of turn"))
        w.reset()
        reset.set()

    def honest(w):
        while True:
            seen.append(w.request().uri)
            w.send(ok())

    proxy = fairlead(workers=1)
    stopped, reset = threading.Event(), threading.Event()
    with ScriptedOrigin(script, honest) as o, proxy.connect() as c:
        smuggled = absolute(o.authority, "/smuggled")
        assert c.ask(absolute(o.authority, "/first")).status == 200
        time.sleep(0.3)
        proxy.process.signal(signal.SIGSTOP)
        c.send(absolute(o.authority, "/post", "POST", f"Content-Length: {4 + len(smuggled)}\r\n", "body"))
        stopped.set()
        reset.wait(5)
        time.sleep(0.1)
        proxy.process.signal(signal.SIGCONT)
        c.sock.settimeout(1)
        for rest in ("", smuggled):
            try:
                c.send(rest).response()
            except (Closed, OSError):
                pass
        assert "/smuggled" not in seen


def test_a_client_in_mid_body_gets_an_early_answer_and_an_orderly_end(proxy):
    """Closing with its bytes unread would reset the connection, and with some systems the answer is lost with it."""
    def script(w):
        w.request(body=False)
        w.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")

    with ScriptedOrigin(script) as o, proxy.connect() as c:
        c.send(absolute(o.authority, "/", "POST", "Content-Length: 10000000\r\n", "x" * 60000))
        assert c.response().status == 413
        for _ in range(4):  # it had begun another piece before it saw the answer
            c.send("x" * 16000)
            time.sleep(0.02)
        assert c.sock.recv(100) == b"", "a reset would have raised"


def test_an_answer_given_before_a_large_body_is_not_lost_with_the_rest_of_it(proxy):
    """The server answers and closes while the body streams in: what is on its way to it is lost, what it said is not."""
    def script(w):
        w.request(body=False)
        w.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    piece = "x" * 100_000
    for _ in range(12):
        with ScriptedOrigin(script) as o, proxy.connect() as c:
            try:
                c.send(absolute(o.authority, "/", "POST", "Content-Length: 10000000\r\n"))
                for _ in range(100):
                    c.send(piece)
            except OSError:
                pass
            assert c.response().status == 401


def test_a_page_names_the_host_of_the_target_whatever_the_host_field_says(proxy):
    port = free_port()
    with proxy.connect() as c:
        c.send(f"GET http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: bank.example\r\n\r\n")
        answer = c.response()
    assert answer.status == 502
    assert b"bank.example" not in answer.body and f"127.0.0.1:{port}".encode() in answer.body
    wait_until(lambda: any(row["cs-host"] == f"127.0.0.1:{port}" for row in proxy.log()), "the host in the log")


@pytest.mark.parametrize("refused_by", ["us", "the parent"])
def test_bytes_behind_a_refused_connect_are_never_a_request(fairlead, refused_by):
    """They were meant for the tunnel, and may be anybody's choice."""
    seen = []

    def script(w):
        while True:
            request = w.request()
            seen.append(request.uri)
            w.send("HTTP/1.1 403 no\r\nContent-Length: 0\r\n\r\n" if request.method == "CONNECT" else ok())

    with ScriptedOrigin(script) as o:
        settings = dict(upstreams=f'upstream next {{ member "127.0.0.1:{o.port}" {{ }} }}', routes='route { to = {"*"}  via = next }')
        proxy = fairlead(**(settings if refused_by == "the parent" else {}))
        port = free_port()
        with proxy.connect() as c:
            c.send(f"CONNECT origin.lab.test:{port} HTTP/1.1\r\nHost: origin.lab.test:{port}\r\n\r\n"
                   + absolute(o.authority, "/ahead"))
            answer = c.response()
            assert answer.status >= 400 and answer.closes
            assert c.rest() == b""
        assert not any("ahead" in uri for uri in seen)


PARENT = 'upstream few {{ member "127.0.0.1:{port}" {{ }}  connections = {most} }}'
ROUTE = 'route { to = {"*"}  via = few }'


def test_tunnels_count_among_a_parents_connections(fairlead):
    open_now, most_open, lock = 0, 0, threading.Lock()

    def script(w):
        nonlocal open_now, most_open
        with lock:
            open_now += 1
            most_open = max(most_open, open_now)
        try:
            if w.request().method == "CONNECT":
                w.send("HTTP/1.1 200 fine\r\n\r\n")
                w.rest()
            else:
                w.send(ok())
                answering(ok())(w)
        finally:
            with lock:
                open_now -= 1

    with ScriptedOrigin(script) as parent:
        proxy = fairlead(workers=1, upstreams=PARENT.format(port=parent.port, most=2), routes=ROUTE,
                         timeouts="connect = 1s  head = 10s  tunnel = 60s")
        tunnels = [proxy.connect() for _ in range(2)]
        for t in tunnels:
            assert t.ask("CONNECT origin.lab.test:443 HTTP/1.1\r\nHost: origin.lab.test:443\r\n\r\n").status == 200
        assert proxy.ask(absolute("origin.lab.test")).status == 503
        tunnels.pop().close()
        wait_until(lambda: proxy.ask(absolute("origin.lab.test")).status == 200, "the place of a tunnel that has ended", 5)
        for t in tunnels:
            t.close()
    assert most_open == 2


def test_a_busy_parent_is_not_taken_for_a_dead_one(fairlead):
    """Its backup is for when it cannot be reached; and who waits in vain leaves his place to the next."""
    def script(w):
        w.request()
        time.sleep(1.5)
        w.send(ok("main", "Connection: close\r\n"))

    with ScriptedOrigin(script) as main, ScriptedOrigin(answering(ok("backup"))) as backup:
        proxy = fairlead(workers=1, routes=ROUTE, timeouts="connect = 1s  head = 10s",
                         upstreams=f'upstream few {{ member "127.0.0.1:{main.port}" {{ }}  '
                                   f'member "127.0.0.1:{backup.port}" {{ backup = true }}  connections = 1 }}')
        with proxy.connect() as one:
            one.send(absolute("origin.lab.test", "/one"))
            time.sleep(0.2)
            proxy.ask(absolute("origin.lab.test", "/two"))
            assert one.response().body == b"main"
        assert proxy.ask(absolute("origin.lab.test", "/three")).body == b"main"
