"""Nobody is ever taken for somebody else, and who has signed in stays so: storm.py through one proxy and through two.

20,000 requests against origins that bind identity to the connection, and some against Squid and Apache."""

import json
import os
import random
import subprocess
import sys
import threading

import pytest

from lab import echo
from lab.fairlead import absolute
from lab.processes import free_port
from lab.signin import sign_in
from lab.wire import Closed

STORM = os.path.join(os.path.dirname(__file__), "storm.py")
HOPS = pytest.mark.parametrize("hops", [1, 2])


def storm(proxy, *options, env=None):
    done = subprocess.run([sys.executable, STORM, "--forward", f"127.0.0.1:{proxy.port}", *map(str, options)],
                          env={**os.environ, **(env or {})}, capture_output=True, text=True, timeout=150)
    assert done.stdout.startswith("{"), done.stderr[-3000:]
    count = json.loads(done.stdout)
    print(count, done.stderr)
    return lambda name: count.get(name, 0)


def must_be_flawless(count, requests):
    assert count("requests") >= requests
    assert [count(k) for k in ("wrong", "forgotten", "false_401", "shared", "hung", "odd")] == [0] * 6
    assert count("right") > requests * 0.4, "the storm did not do what it is for"


@HOPS
def test_eight_thousand_requests_by_ntlm_and_negotiate(proxy_chain, hops):
    proxies = proxy_chain(hops)
    count = storm(proxies[0], "--requests", 8000, "--clients", 60, "--seed", hops)
    must_be_flawless(count, 8000)
    assert count("closed") == count("bad_gateway") == 0
    assert count("handshakes") > 300
    proxies[0].wait_metric("client_connections", lambda n: n == 1)  # the one that asks
    for proxy in proxies:  # nothing that was bound is left
        proxy.wait_metric("pins", lambda n: n == 0)
        assert proxy.metric("pins_signed_in_total") > 300


@HOPS
def test_two_thousand_requests_with_pre_emptive_kerberos(proxy_chain, kdc, hops):
    env = {**kdc.server_env, "STORM_CCACHE": kdc.ccache("")}
    count = storm(proxy_chain(hops)[0], "--requests", 2000, "--clients", 40, "--kerberos", "--pieces", 0.3,
                  "--seed", 10 + hops, env=env)
    must_be_flawless(count, 2000)
    assert count("closed") == count("bad_gateway") == 0 and count("tickets") > 30


@HOPS
def test_two_thousand_requests_to_origins_that_close(proxy_chain, hops):
    """A lost sign-in shows as a closed client connection (or a 502 where an answer was under way), never as a 401."""
    count = storm(proxy_chain(hops)[0], "--requests", 2000, "--clients", 40, "--close-rate", 0.03, "--seed", 20 + hops)
    must_be_flawless(count, 2000)
    assert count("origin_closed") > 20
    assert count("closed") + count("bad_gateway") <= count("origin_closed")


@HOPS
def test_a_small_storm_on_squid_with_ntlm_auth(proxy_chain, ntlm_origin, hops):
    """The same against an origin that is not ours, with winbindd as the judge."""
    proxy = proxy_chain(hops)[0]
    authority = f"ntlm.lab.test:{ntlm_origin.port}"
    wrong = []

    def person(user, seed):
        rng = random.Random(seed)
        try:
            for _ in range(8):
                with proxy.connect(20) as c:
                    if user:
                        answer = sign_in(c, authority, user)
                        if answer.status != 200:
                            wrong.append(f"{user} could not sign in: {answer.start}")
                    for _ in range(rng.randrange(1, 12)):
                        answer = c.ask(absolute(authority))
                        who = echo.parse(answer.body.decode()).get("user") if answer.status == 200 else None
                        if who != (f"LAB\\{user}" if user else None) or answer.status != (200 if user else 401):
                            wrong.append(f"{user}: {answer.start} as {who}")
        except (Closed, OSError) as e:
            wrong.append(f"{user}: {e!r}")

    people = [threading.Thread(target=person, args=(("alice", "bob", None)[i % 3], i)) for i in range(12)]
    for p in people:
        p.start()
    for p in people:
        p.join(60)
    assert not wrong, wrong[:10]


@pytest.mark.parametrize("more", ["", "--kerberos"])
def test_five_hundred_clients_of_a_site_whose_application_signs_in_itself(fairlead, kdc, more):
    """The same storm at a published site: one application, users interleaved, its connections bound to who signed in on them."""
    port, site = free_port(), free_port()
    proxy = fairlead(more=f"""site "*" {{ listen = {{"http://127.0.0.1:{site}"}}  sign-on = {{anonymous}}  application = app }}
application app {{ member "http://127.0.0.1:{port}" {{ }} }}
""")
    env = {**os.environ, **kdc.server_env, "STORM_CCACHE": kdc.ccache("")}
    done = subprocess.run([sys.executable, STORM, "--reverse", f"127.0.0.1:{site}", "--origin-port", str(port), "--requests", "10000",
                           "--clients", "500", "--seed", "7", *more.split()], env=env, capture_output=True, text=True, timeout=150)
    assert done.stdout.startswith("{"), done.stderr[-3000:]
    count = json.loads(done.stdout)
    print(count, done.stderr)
    must_be_flawless(lambda name: count.get(name, 0), 10000)
    assert count["handshakes"] > 300
    proxy.wait_metric("pins", lambda n: n == 0)
