"""Members of an upstream that fail are left out, probed in the background, and used again: no request finds out twice."""

import json
import re
import socket
import time

from lab.fairlead import absolute, timed
from lab.processes import free_port, wait_until
from lab.wire import ScriptedOrigin, answering, connect, ok
from test_tls_listener import make_certificate

ROUTE = 'route { to = {"*"}  via = office }'


def office(*members, more="probe = 200ms  probe-timeout = 300ms"):
    text = "  ".join(f'member "{m if isinstance(m, str) else f"127.0.0.1:{m}"}" {{ {"backup = true" if i else ""} }}' for i, m in enumerate(members))
    return f"upstream office {{ {text}  {more} }}"


class Silent:
    """A port on which connections are neither made nor refused: its queue is full."""

    def __init__(self):
        self.sock = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.port = self.sock.getsockname()[1]
        self.filling = []
        for _ in range(4):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(("127.0.0.1", self.port))
            self.filling.append(s)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for s in [self.sock, *self.filling]:
            s.close()


def states(proxy):
    """What the console says: member -> state."""
    with connect(proxy.console) as c:
        body = c.ask("GET /upstreams HTTP/1.1\r\nHost: c\r\nAccept: application/json\r\nConnection: close\r\n\r\n").body
    rows = json.loads(body)
    rows = rows["rows"] if isinstance(rows, dict) and "rows" in rows else rows
    return {row["member"].rpartition(":")[2]: row["state"] for row in rows}


def test_one_request_pays_for_a_silent_member(fairlead):
    with Silent() as dead, ScriptedOrigin(answering(ok("backup"))) as backup:
        proxy = fairlead(upstreams=office(dead.port, backup.port), routes=ROUTE, timeouts="connect = 1s  head = 10s")
        first, seconds = timed(lambda: proxy.ask(absolute("site.test")))
        assert first.body == b"backup" and seconds > 0.9
        end, slowest = time.monotonic() + 2, 0.0
        while time.monotonic() < end:
            answer, seconds = timed(lambda: proxy.ask(absolute("site.test")))
            assert answer.body == b"backup"
            slowest = max(slowest, seconds)
        assert slowest < 0.5, f"a request waited {slowest:.2f} s for a member that was known to be dead"
        assert states(proxy) == {str(dead.port): "down", str(backup.port): "up"}
        assert proxy.metrics()[f'member_up{{upstream="office",member="127.0.0.1:{dead.port}"}}'] == 0
        assert proxy.metric("members_lost_total") == 1 and proxy.metric("member_probes_total") >= 2
        assert len(re.findall(rf"member 127.0.0.1:{dead.port} cannot be reached", proxy.events())) == 1, "said once"


def test_a_member_that_answers_again_is_used_at_once(fairlead):
    port = free_port()
    with ScriptedOrigin(answering(ok("backup"))) as backup:
        proxy = fairlead(upstreams=office(port, backup.port), routes=ROUTE)
        assert proxy.ask(absolute("site.test")).body == b"backup"
        with ScriptedOrigin(answering(ok("main")), port=port):
            proxy.wait_event(rf"office: member 127.0.0.1:{port} answers again after \d+ s", 3)
            assert [proxy.ask(absolute("site.test")).body for _ in range(3)] == [b"main"] * 3
            assert states(proxy)[str(port)] == "up"
            assert proxy.metric("members_back_total") == 1
        assert proxy.ask(absolute("site.test")).body == b"backup", "down again"


def test_over_tls_a_member_is_back_when_it_shakes_hands(fairlead, lab):
    """A port that takes connections and no more is no parent; nor is one with somebody else's certificate."""
    folder = lab.folder("probe-tls")
    key, certificate = make_certificate(folder, "parent", "proxy2.lab.test")
    make_certificate(folder, "other", "other.lab.test")
    parent = fairlead(name="proxy2.lab.test", listen=f'tls {{ certificate = "{folder}/other.pem"  key = "{folder}/other.key" }}')
    with ScriptedOrigin(answering(ok("direct"))) as o:
        upstreams = office(f"proxy2.lab.test:{parent.port}", more=f'probe = 200ms  or-direct = true  tls {{ ca = "{certificate}" }}')
        proxy = fairlead(upstreams=upstreams, routes=ROUTE)
        assert proxy.ask(absolute(o.authority)).body == b"direct"
        proxy.wait_metric("member_probes_total", lambda n: n >= 3)
        assert states(proxy) == {str(parent.port): "down"}
        assert proxy.ask(absolute(o.authority)).body == b"direct"
        assert len(parent.log(0)) == 0
        parent.write_settings(listen=f'tls {{ certificate = "{certificate}"  key = "{key}" }}')
        parent.reload()
        wait_until(lambda: states(proxy) == {str(parent.port): "up"}, "the parent with its right certificate")
        assert proxy.ask(absolute(o.authority)).body == b"direct"
        assert len(parent.log(1)) == 1, "by way of the parent"


def test_when_all_are_down_a_request_still_tries(fairlead):
    port = free_port()
    proxy = fairlead(upstreams=office(port, more="probe = 1h"), routes=ROUTE)
    assert proxy.ask(absolute("site.test")).status == 502
    with ScriptedOrigin(answering(ok("main")), port=port):
        assert proxy.ask(absolute("site.test")).body == b"main"
        assert states(proxy)[str(port)] == "up"


def test_without_probes_a_member_rests(fairlead):
    with ScriptedOrigin(answering(ok("backup"))) as backup:
        proxy = fairlead(upstreams=office(free_port(), backup.port, more="probe = 0s"), routes=ROUTE)
        assert [proxy.ask(absolute("site.test")).body for _ in range(3)] == [b"backup"] * 3
        assert (proxy.metric("members_lost_total"), proxy.metric("member_probes_total")) == (1, 0)


def test_a_reload_knows_who_is_down_and_ends_the_probes(fairlead):
    """Of the old settings: those of the new ones go to the new member alone."""
    with Silent() as dead, ScriptedOrigin(answering(ok("backup"))) as backup:
        proxy = fairlead(upstreams=office(dead.port, backup.port), routes=ROUTE, timeouts="connect = 1s  head = 10s")
        assert proxy.ask(absolute("site.test")).body == b"backup"
        proxy.reload()
        proxy.wait_metric("reloads_total", lambda n: n == 1)
        answer, seconds = timed(lambda: proxy.ask(absolute("site.test")))
        assert answer.body == b"backup" and seconds < 0.5
        proxy.write_settings(upstreams=office(backup.port))
        proxy.reload()
        proxy.wait_metric("reloads_total", lambda n: n == 2)
        before = proxy.metric("member_probes_total")
        time.sleep(1)
        assert proxy.metric("member_probes_total") <= before + 1, "the one under way"


def test_an_application_whose_health_path_says_no_gets_no_requests(fairlead):
    """It answers all the same: a connection is not enough, and a request that comes through is no reason to take it back."""
    health, asked, site = {"one": 200, "two": 200}, [], free_port()

    def script(name):
        def serve(wire):
            while True:
                request = wire.request()
                if request.uri == "/health":
                    asked.append(request)
                    wire.send(f"HTTP/1.1 {health[name]} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                    return
                wire.send(ok(name))
        return serve

    def ask(n=4):
        answers = set()
        for _ in range(n):
            with connect(site) as c:
                answers.add(c.ask("GET / HTTP/1.1\r\nHost: www.lab.test\r\n\r\n").body)
        return answers

    with ScriptedOrigin(script("one")) as one, ScriptedOrigin(script("two")) as two:
        proxy = fairlead(more=f'''
application hr {{ member "http://127.0.0.1:{one.port}" {{ }}  member "http://127.0.0.1:{two.port}" {{ backup = true }}
    health = "/health"  probe = 100ms  probe-timeout = 1s }}
site "www.lab.test" {{ listen = {{"http://127.0.0.1:{site}"}}  sign-on = {{anonymous}}  application = hr }}''')
        wait_until(lambda: len(asked) >= 4, "members that answer to be asked too")
        assert {r.get("Host") for r in asked} == {f"127.0.0.1:{one.port}", f"127.0.0.1:{two.port}"}
        assert ask() == {b"one"} and states(proxy) == {str(one.port): "up", str(two.port): "up"}
        health["one"] = 503
        proxy.wait_event(rf"hr: member 127.0.0.1:{one.port} cannot be reached \(GET /health: status 503\)")
        assert ask() == {b"two"}
        health["two"] = 500
        proxy.wait_event(rf"hr: member 127.0.0.1:{two.port} cannot be reached \(GET /health: status 500\)")
        assert ask() == {b"one"}, "rather than nobody"
        assert states(proxy) == {str(one.port): "down", str(two.port): "down"}
        health["one"] = 204
        proxy.wait_event(rf"hr: member 127.0.0.1:{one.port} answers again")
        assert ask() == {b"one"} and states(proxy) == {str(one.port): "up", str(two.port): "down"}
        assert proxy.metric("members_back_total") == 1
