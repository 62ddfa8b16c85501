"""Clients that fail to sign in: limited for each pair of address and account, and never for anybody else."""

import json
import re
import socket
import subprocess
import threading
import time

import pytest

from lab.curl import curl
from lab.echo import Echo
from lab.fairlead import absolute
from lab.processes import wait_until
from lab.proxy_signin import Accounts, proxy_basic, proxy_type1, proxy_type3, sign_in_to_proxy
from lab.winbind import Winbind
from lab.wire import Closed, Wire, connect

ALL = "sign-on = {negotiate, ntlm, basic}  basic-without-tls = true  accounts = {local}"


@pytest.fixture(scope="module")
def local(lab):
    return Accounts(lab, alice="Secret1", bob="Secret2")


@pytest.fixture
def page(lab):
    return f"origin.lab.test:{lab.part(Echo).port}"


@pytest.fixture
def limited(fairlead, local):
    """Three failures, then no more."""
    def make(most=3, window="1h", accounts=None, leg="30s", pairs=1000, **pieces):
        accounts = accounts or f'accounts local {{ file = "{local.file}" }}'
        timeouts = f"connect = 3s  head = 10s  idle = 60s  sign-in-failures = {window}  sign-in-leg = {leg}"
        return fairlead(listen=ALL, timeouts=timeouts, more=f"{accounts}\nlimits {{ sign-in-failures = {most}  sign-in-pairs = {pairs} }}",
                        **pieces)
    return make


def basic(proxy, page, user, password, host="127.0.0.1"):
    with Wire(socket.create_connection(("127.0.0.1", proxy.port), 10, source_address=(host, 0))) as c:
        return c.ask(absolute(page, fields=proxy_basic(user, password))).status


def ntlm(proxy, page, user, password, **how):
    with proxy.connect() as c:
        return sign_in_to_proxy(c, page, user, password=password, **how).status


def reasons(proxy, at_least):
    return [r["x-detail"].partition(":")[0] for r in proxy.log(at_least) if r["sc-status"] == "407" and r["x-detail"] != "-"]


def test_the_pair_is_refused_and_nobody_else(limited, page):
    proxy = limited(workers=1)
    assert [basic(proxy, page, "alice", f"wrong{i}") for i in range(3)] == [407] * 3
    assert basic(proxy, page, "alice", "Secret1") == 407, "not asked any more"
    assert basic(proxy, page, "ALICE", "Secret1") == 407 and basic(proxy, page, r".\alice", "Secret1") == 407, "by other names neither"
    assert ntlm(proxy, page, "alice", "Secret1") == 407, "by another scheme neither"
    assert basic(proxy, page, "bob", "Secret2") == 200, "another account from there"
    assert basic(proxy, page, "alice", "Secret1", "127.0.0.2") == 200, "the account from elsewhere"
    assert reasons(proxy, 9)[:4] == ["wrong-password"] * 3 + ["too-many-failures"]
    proxy.wait_event(r"alice has failed to sign in from 127.0.0.1 3 times")
    assert proxy.events().count("has failed to sign in") == 1
    assert proxy.metric("sign_ins_limited_total") == 4
    with connect(proxy.console) as c:
        shown = json.loads(c.ask("GET /refused-sign-ins HTTP/1.1\r\nHost: c\r\nAccept: application/json\r\nConnection: close\r\n\r\n").body)
    assert [(r["account"], r["address"], r["failures"]) for r in (shown["rows"] if isinstance(shown, dict) and "rows" in shown else shown)] \
        == [("alice", "127.0.0.1", 3)]
    page_for_client = curl(proxy.url, f"http://{page}/", "--proxy-basic", "-U", "alice:Secret1")[0].body
    assert "too-many" not in page_for_client and "did not accept" in page_for_client, "no more than for a wrong password"


@pytest.mark.parametrize("how", [dict(), dict(scheme="Negotiate"), dict(scheme="Negotiate", wrapped=True)], ids=["ntlm", "bare", "spnego"])
def test_by_ntlm_in_all_its_clothes(limited, page, how):
    proxy = limited(workers=1)
    assert [ntlm(proxy, page, "alice", "wrong", **how) for _ in range(3)] == [407] * 3
    assert ntlm(proxy, page, "alice", "Secret1", **how) == 407
    assert basic(proxy, page, "alice", "Secret1") == 407
    assert "too-many-failures" in reasons(proxy, 9)[3:][0], reasons(proxy, 9)
    assert ntlm(proxy, page, "bob", "Secret2", **how) == 200


def test_accounts_that_do_not_exist_count_too(limited, page):
    proxy = limited(workers=1)
    assert [basic(proxy, page, "nobody", "x") for _ in range(5)] == [407] * 5
    assert reasons(proxy, 5) == ["no-such-user"] * 3 + ["too-many-failures"] * 2


def test_success_clears(limited, page):
    proxy = limited()
    for _ in range(3):
        assert [basic(proxy, page, "alice", "wrong") for _ in range(2)] == [407] * 2
        assert basic(proxy, page, "alice", "Secret1") == 200


def test_the_window_ends(limited, page):
    proxy = limited(window="2s")
    begin = time.monotonic()
    assert [basic(proxy, page, "alice", "wrong") for _ in range(3)] == [407] * 3
    assert basic(proxy, page, "alice", "Secret1") == 407
    wait_until(lambda: basic(proxy, page, "alice", "Secret1") == 200, "the end of the window", 10, 0.1)
    assert time.monotonic() - begin > 1.9


def test_no_limit(limited, page):
    proxy = limited(most=0)
    assert [basic(proxy, page, "alice", "wrong") for _ in range(12)] == [407] * 12
    assert basic(proxy, page, "alice", "Secret1") == 200


def all_at_once(n, run):
    gate, results = threading.Barrier(n), []

    def one():
        try:
            results.append(run(gate.wait))
        except (Closed, OSError) as e:
            results.append(e)

    threads = [threading.Thread(target=one) for _ in range(n)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return results


def guess_at_once(proxy, page, user, domain=""):
    """Thirty clients bring their handshakes to the last leg, and then send that at once."""
    def run(wait):
        with proxy.connect() as c:
            challenge = c.ask(absolute(page, fields=proxy_type1()))
            wait()
            return c.ask(absolute(page, fields=proxy_type3(challenge, user, "wrong", domain))).status
    return all_at_once(30, run)


def test_a_burst_is_no_way_round(limited, page):
    proxy = limited()
    assert guess_at_once(proxy, page, "alice") == [407] * 30
    found = reasons(proxy, 60)
    assert (found.count("wrong-password"), found.count("too-many-failures")) == (3, 27)


def test_a_burst_of_who_knows_the_password_is_let_in(limited, page):
    proxy = limited()

    def run(wait):
        wait()
        return ntlm(proxy, page, "alice", "Secret1")

    assert all_at_once(40, run) == [200] * 40


def bad_password_count(winbind, user):
    shown = subprocess.run(winbind.inside("pdbedit", "-L", "-v", "-u", user), capture_output=True, text=True).stdout
    return int(re.search(r"Bad password count\s*: (\d+)", shown).group(1))


def test_a_burst_does_not_reach_the_domain(limited, lab, page):
    """The domain's own counter: what locks the account there."""
    winbind = lab.part(Winbind)
    subprocess.run(winbind.inside("pdbedit", "-P", "bad lockout attempt", "-C", "100"), check=True, stdout=subprocess.DEVNULL)
    try:
        proxy = limited(accounts="accounts local { windows-domain = winbind }", prefix=winbind.inside())
        before = bad_password_count(winbind, "bob")
        assert guess_at_once(proxy, page, "bob", "LAB") == [407] * 30
        assert [basic(proxy, page, "LAB\\bob", f"wrong{i}") for i in range(10)] == [407] * 10
        assert bad_password_count(winbind, "bob") - before == 3
    finally:
        subprocess.run(winbind.inside("pdbedit", "-P", "bad lockout attempt", "-C", "0"), check=True, stdout=subprocess.DEVNULL)
        subprocess.run(winbind.inside("pdbedit", "-z", "-u", "bob"), check=True, stdout=subprocess.DEVNULL)


def guess(wire, page, user):
    """By NTLM, which costs little."""
    challenge = wire.ask(absolute(page, fields=proxy_type1()))
    return wire.ask(absolute(page, fields=proxy_type3(challenge, user, "wrong"))).status


def test_the_table_is_bounded(limited, page):
    """The oldest are forgotten, no more than that; and memory stays."""
    proxy = limited(pairs=1000)
    assert [basic(proxy, page, "alice", "wrong") for _ in range(3)] == [407] * 3
    with proxy.connect() as c:
        for i in range(999):
            assert guess(c, page, f"nobody{i}") == 407
        assert basic(proxy, page, "alice", "Secret1") == 407
        assert guess(c, page, "one more") == 407
    assert basic(proxy, page, "alice", "Secret1") == 200


def test_a_challenge_is_answered_in_time_or_never(limited, page):
    proxy = limited(leg="1s")
    with proxy.connect() as c:
        challenge = c.ask(absolute(page, fields=proxy_type1()))
        assert c.ask(absolute(page, fields=proxy_type3(challenge, "alice"))).status == 200
        time.sleep(1.5)
        assert c.ask(absolute(page)).status == 200, "signed in, it may rest"
    with proxy.connect() as c:
        assert c.ask(absolute(page, fields=proxy_type1())).status == 407
        begin = time.monotonic()
        with pytest.raises(Closed):
            c.response()
        assert 0.5 < time.monotonic() - begin < 5
