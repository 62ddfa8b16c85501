"""The proxy signs in to its parents with credentials of its own: Squid that really verifies, a second Fairlead, and parents that misbehave."""

import base64
import contextlib
import hashlib
import os
import socket
import ssl
import threading
import time

import pytest

import ntlm
from lab import echo
from lab.curl import curl
from lab.echo import Echo
from lab.fairlead import absolute, sanitized
from lab.kdc import Kdc
from lab.parents import Parent
from lab.processes import wait_until
from lab.proxy_signin import Accounts
from lab.wire import Closed, ScriptedOrigin, ok, token68
from test_tls_listener import make_certificate

PASSWORD = "Canary-4711-svc"
SECRETS = [PASSWORD, base64.b64encode(f"svc:{PASSWORD}".encode()).decode(), base64.b64encode(f"LAB\\svc:{PASSWORD}".encode()).decode(),
           ntlm.md4(PASSWORD.encode("utf-16le")).hex()]
MEGABYTES = 100


@pytest.fixture
def secret(lab):
    """Writes a 0600 file; gives its path."""
    def write(text=PASSWORD, mode=0o600):
        return lab.write(f"secret{lab.number('secret')}", text + "\n", mode)
    return write


@pytest.fixture
def child(fairlead, secret):
    """A proxy with a parent. None of its files and pages may ever show the secret."""
    made = []

    def make(port, scheme="ntlm", credentials=None, host="127.0.0.1", account=r"LAB\svc", send="always", file=None, **pieces):
        if credentials is None:
            credentials = f"account = '{account}'  password-file = \"{file or secret()}\""
        block = f"credentials {{ scheme = {{{scheme}}}  send = {send}  {credentials} }}" if credentials else ""
        made.append(fairlead(upstreams=f'upstream office {{ member "{host}:{port}" {{ }}  {block} }}',
                             routes='route { to = {"direct.lab.test", "site1.lab.test"}  via = direct }\nroute { to = {"*"}  via = office }', **pieces))
        return made[-1]

    yield make
    for proxy in made:
        proxy._console("/metrics")
        seen = proxy.process.printed() + str(proxy.metrics())
        for folder, _, names in os.walk(proxy.folder):
            for name in names:
                with open(os.path.join(folder, name), errors="replace") as f:
                    seen += f.read()
        assert not [s for s in SECRETS if s in seen], "a secret was written down"


class Kind:
    """A parent of one kind, and how the proxy is told to sign in to it."""

    def __init__(self, kind, lab, fairlead, child, secret):
        self.kind, self.parent = kind, None
        self.options = dict(scheme="ntlm")
        if kind == "fairlead":
            accounts = Accounts(lab, svc=PASSWORD)
            self.second = fairlead(name="proxy2.lab.test", listen='sign-on = {ntlm}  accounts = {local}  intermediaries = {"127.0.0.1"}',
                                   more=f'accounts local {{ file = "{accounts.file}" }}')
            self.options["account"], port, self.user = "svc", self.second.port, "svc"
        elif kind.startswith("negotiate"):
            kdc = lab.part(Kdc)
            self.parent = Parent(lab, "negotiate")
            file = secret("Secret2")
            self.user = "bob@LAB.TEST" if kind == "negotiate-password" else "HTTP/proxy2.lab.test@LAB.TEST"
            self.options = dict(scheme="negotiate", host="proxy3.lab.test", env={"KRB5_CONFIG": kdc.config}, credentials={
                "negotiate-password": f'account = "bob@LAB.TEST"  password-file = "{file}"',
                "negotiate-keytab": f'account = "HTTP/proxy2.lab.test"  keytab = "{kdc.keytab}"'}[kind])
            port = self.parent.port
        else:
            self.parent = Parent(lab, kind)
            port = self.parent.port
            self.user = {"ntlm": r"LAB\svc", "basic": "svc"}[kind]
            if kind == "basic":
                self.options = dict(scheme="basic", account="svc")
        self.proxy = child(port, **self.options)

    def rows(self, mark=0):
        """(status, method, user) as the parent saw them, our own questions left out."""
        if self.parent:
            found = [(r["status"], r["method"], r["user"].replace("%5C", "\\").replace("\\\\", "\\")) for r in self.parent.since()]
        else:
            found = [(r["sc-status"], r["cs-method"], r["cs-username"]) for r in self.second.log(1)]
        return [r for r in found if r[1] in ("GET", "POST", "CONNECT")]


@pytest.fixture(params=["ntlm", "negotiate-password", "negotiate-keytab", "basic", "fairlead"])
def kind(request, lab, fairlead, child, secret):
    return Kind(request.param, lab, fairlead, child, secret)


@pytest.fixture
def page(lab):
    return f"origin.lab.test:{lab.part(Echo).port}"


def wait_rows(kind, n):
    return wait_until(lambda: len(kind.rows()) >= n and kind.rows(), f"{n} rows of the parent")


# ---- what works


def test_get_connect_and_many_requests(kind, page):
    with kind.proxy.connect() as c:
        for i in range(10):
            answer = c.ask(absolute(page, f"/{i}"))
            assert answer.status == 200, answer.body
    answer, = curl(kind.proxy.url, f"http://{page}/tunnel", "-p")
    assert answer.status == 200, answer
    rows = wait_rows(kind, 11)
    assert [r for r in rows if r[1] == "GET"] == [("200", "GET", kind.user)] * 10
    assert ("200", "CONNECT", kind.user) in rows
    assert not [r for r in rows if r[0] == "407"], "no request of a client is ever answered by 407"


def test_a_hundred_megabytes_are_sent_once(kind, page, lab):
    """Never more than Squid can pass on: it drops a connection whose client is faster than the origin, without any proxy before it too."""
    piece, origin = os.urandom(1 << 17), lab.part(Echo).server
    size, got = MEGABYTES << 20, origin.received
    digest = hashlib.sha256()
    before = kind.proxy.memory()
    with kind.proxy.connect(60) as c:
        c.send(absolute(page, "/upload", "POST", f"Content-Length: {size}\r\n"))
        for sent in range(0, size, len(piece)):
            digest.update(piece)
            c.send(piece)
            wait_until(lambda: origin.received - got >= sent, "the origin to get on", 10, 0.0005)
        words = echo.parse(c.response().body.decode())
    assert (words["length"], words["sha256"]) == (str(size), digest.hexdigest())
    assert origin.received - got == size, "sent more than once"
    assert sanitized() or kind.proxy.memory() < before + 32_000_000
    assert [r for r in wait_rows(kind, 1) if r[1] == "POST"] == [("200", "POST", kind.user)]


def storm(proxy, page, clients, each):
    """Each on a connection of its own, all at once; the statuses."""
    statuses, gate = [], threading.Barrier(clients)

    def run():
        gate.wait()
        try:
            with proxy.connect(30) as c:
                for i in range(each):
                    statuses.append(c.ask(absolute(page, f"/{i}")).status)
        except (Closed, OSError) as e:
            statuses.append(e)

    threads = [threading.Thread(target=run) for _ in range(clients)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return statuses


def test_sixty_four_clients_at_once(kind, page):
    assert storm(kind.proxy, page, 64, 10) == [200] * 640
    if kind.parent and kind.kind == "ntlm":
        time.sleep(0.2)
        assert 1 <= len(kind.parent.proofs()) <= 72, "one sign-in for each connection, not for each request"
    assert kind.proxy.metric("parent_sign_ins_total") <= 72


def test_a_crowd_of_clients_shares_the_sign_ins_of_the_first(lab, child, page):
    proxy = child(Parent(lab, "ntlm").port)
    assert storm(proxy, page, 1, 1) == [200]  # the secret has proved good: nobody waits for that any more
    assert storm(proxy, page, 400, 1) == [200] * 400
    assert proxy.metric("parent_sign_ins_total") <= 200, "as many sign-ins as clients"


def test_a_parent_that_restarts(lab, child, page):
    parent = Parent(lab, "ntlm")
    proxy = child(parent.port)
    assert proxy.ask(absolute(page)).status == 200
    parent.stop()
    assert proxy.ask(absolute(page)).status in (502, 503, 504)
    parent.start()
    assert [proxy.ask(absolute(page)).status for _ in range(6)] == [200] * 6


def test_a_parent_that_offers_several(lab, child, page):
    parent = Parent(lab, "basic", "ntlm")
    proxy = child(parent.port, scheme="negotiate, ntlm, basic")
    assert proxy.ask(absolute(page)).status == 200
    assert {r["user"].replace("%5C", "\\") for r in parent.since() if r["method"] == "GET"} <= {r"LAB\svc", r"LAB\\svc"}
    assert not [r for r in parent.since() if r["token"].startswith("Basic")]


def test_a_fairlead_that_does_not_know_us_as_intermediary_is_named(lab, fairlead, child, page):
    """It sees Via, takes the connection for one of many users, and asks for a sign-in with every request."""
    accounts = Accounts(lab, svc=PASSWORD)
    second = fairlead(name="proxy2.lab.test", listen="sign-on = {ntlm}  accounts = {local}", more=f'accounts local {{ file = "{accounts.file}" }}')
    text = must_be_12201(child(second.port, account="svc").ask(absolute(page)), "parent-sign-in-failed")
    assert "intermediaries" in text


# ---- a parent that allows anonymous as well: the case behind 12201


def test_a_parent_that_allows_anonymous_is_said_so(lab, child, page):
    parent = Parent(lab, "ntlm", anonymous=True)
    must_be_12201(child(parent.port).ask(absolute(page)), "parent-did-not-ask")
    assert child(parent.port, send="when-asked").ask(absolute(page)).status == 200
    assert not [r for r in parent.since() if r["method"] == "GET" and r["status"] != "200"]


def test_kerberos_and_basic_are_sent_unasked(lab, child, page):
    parent, kdc = Parent(lab, "negotiate", "basic", anonymous=True), lab.part(Kdc)
    kerberos = child(parent.port, "negotiate", f'account = "HTTP/proxy2.lab.test"  keytab = "{kdc.keytab}"', "proxy3.lab.test",
                     env={"KRB5_CONFIG": kdc.config})
    assert kerberos.ask(absolute(page)).status == 200
    assert any(r["token"].startswith("Negotiate") for r in parent.since())
    mark = parent.mark()
    assert child(parent.port, "basic", account="svc").ask(absolute(page)).status == 200
    wait_until(lambda: [r for r in parent.since(mark) if r["method"] == "GET" and r["token"].startswith("Basic")], "Basic at the parent")
    mark = parent.mark()
    assert child(parent.port, "basic", account="svc", send="when-asked").ask(absolute(page)).status == 200
    assert not parent.proofs(mark), "when-asked: nobody asked"


# ---- passwords that are wrong


def test_a_password_wrong_from_the_start_is_tried_once(lab, child, secret, page):
    parent = Parent(lab, "ntlm")
    file = secret("wrong")
    proxy = child(parent.port, file=file, workers=2)
    answers = [proxy.ask(absolute(page)) for _ in range(10)]
    assert storm(proxy, page, 10, 1) == [502] * 10
    proxy.reload()
    time.sleep(0.5)
    answers += [proxy.ask(absolute(page)) for _ in range(10)]
    assert {a.status for a in answers} == {502}
    must_be_12201(answers[0], "parent-refused-us")
    must_be_12201(answers[-1], "parent-sign-in-held")
    time.sleep(0.2)
    assert len(parent.proofs()) == 1
    assert not [r for r in parent.since() if r["method"] == "GET"]
    with open(file, "w") as f:
        f.write(PASSWORD + "\n")
    assert proxy.ask(absolute(page)).status == 200, "a corrected secret is used at once"


def test_a_storm_with_a_wrong_password_is_one_attempt(lab, child, secret, page):
    parent = Parent(lab, "ntlm")
    proxy = child(parent.port, file=secret("wrong"), workers=2)
    assert set(storm(proxy, page, 64, 1)) == {502}
    time.sleep(0.2)
    assert len(parent.proofs()) == 1


@pytest.mark.parametrize("scheme", ["basic", "negotiate"])
def test_a_wrong_password_by_the_other_schemes(lab, child, secret, page, scheme):
    parent, kdc = Parent(lab, scheme), lab.part(Kdc)

    def refusals():
        with open(f"{kdc.folder}/kdc.log") as f:
            return sum("PREAUTH_FAILED: bob@" in line for line in f)

    before = refusals()
    account = "svc" if scheme == "basic" else "bob@LAB.TEST"
    proxy = child(parent.port, scheme, host="proxy3.lab.test", account=account, file=secret("wrong"), env={"KRB5_CONFIG": kdc.config})
    answers = [proxy.ask(absolute(page)) for _ in range(6)]
    assert {a.status for a in answers} == {502}
    must_be_12201(answers[-1], "parent-sign-in-held" if scheme == "basic" else None)
    time.sleep(0.2)
    if scheme == "basic":
        assert len(parent.proofs()) == 1
    else:
        assert not parent.proofs() and refusals() - before <= 2, "one attempt, which the library may make with two types of keys"


def test_a_password_that_goes_wrong_later_is_tried_thrice_at_most(lab, child, secret, page):
    parent = Parent(lab, "ntlm")
    file = secret()
    proxy = child(parent.port, file=file)
    assert proxy.ask(absolute(page)).status == 200
    mark = parent.mark()
    parent.winbind.set_password("svc", "Changed9-x")
    try:
        statuses = [curl(proxy.url, f"http://{page}/", "-p")[0].status for _ in range(12)]  # CONNECT: a new connection each
        assert 200 not in statuses
        time.sleep(0.2)
        assert 1 <= len(parent.proofs(mark)) <= 3
        with open(file, "w") as f:
            f.write("Changed9-x\n")
        answer, = curl(proxy.url, f"http://{page}/", "-p")
        assert answer.status == 200
    finally:
        parent.winbind.set_password("svc", PASSWORD)


# ---- each sub-reason, named everywhere


def must_be_12201(answer, name):
    assert answer.status == 502, (answer.start, answer.body)
    page, status = answer.body.decode(), answer.get("Proxy-Status")
    assert "12201" in page and "12201" in status, (page, status)
    if name:
        assert name in page and name in status, (name, page)
    assert "helpdesk@lab.test" in page
    return page


def challenge_of(scheme="NTLM"):
    return (f"HTTP/1.1 407 X\r\nProxy-Authenticate: {scheme} {base64.b64encode(ntlm.challenge()[0]).decode()}\r\n"
            "Content-Length: 0\r\n\r\n")


def kind_of(request):
    """0: no token, else the type of the NTLM message."""
    token = token68(request.get("Proxy-Authorization"), "NTLM")
    return ntlm.message_type(base64.b64decode(token)) if token else 0


BARE = "HTTP/1.1 407 X\r\nProxy-Authenticate: NTLM\r\nContent-Length: 0\r\n{}\r\n"


def letting_in(wire, request):
    """Answers one leg, or False when the request carries no token."""
    which = kind_of(request)
    if which == 1:
        wire.send(challenge_of())
    elif which == 3:
        wire.send(ok("welcome"))
    return which in (1, 3)


def closes_after_type_1(wire):
    assert kind_of(wire.request()) == 1


def closes_after_type_3(wire):
    letting_in(wire, wire.request())
    wire.request()


def refuses(wire):
    while True:
        if kind_of(wire.request()) == 1:
            wire.send(challenge_of())
        else:
            wire.send(BARE.format(""))


def offers_basic(wire):
    while True:
        wire.request()
        wire.send("HTTP/1.1 407 X\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n")


def asks_nobody(wire):
    while True:
        wire.request()
        wire.send(ok("for everybody"))


@pytest.mark.parametrize("name, script, options", [
    ("parent-wants-sign-in", refuses, dict(credentials="")),
    ("parent-did-not-ask", asks_nobody, {}),
    ("parent-offers-other", offers_basic, {}),
    ("parent-refused-us", refuses, {}),
    ("parent-closed-sign-in", closes_after_type_1, {}),
    ("parent-closed-sign-in", closes_after_type_3, {}),
    ("parent-sign-in-failed", refuses, dict(credentials="account = 'LAB\\svc'  password-file = \"/nonexistent/secret\"")),
    ("parent-sign-in-failed", refuses, dict(scheme="negotiate", credentials='account = "bob@LAB.TEST"  ccache = "/nonexistent"')),
])
def test_each_sub_reason_is_named(child, page, name, script, options, kdc):
    with ScriptedOrigin(script) as parent:
        proxy = child(parent.port, **options, env={"KRB5_CONFIG": kdc.config}, host="proxy3.lab.test")
        text = must_be_12201(proxy.ask(absolute(page)), name)
        assert f"proxy3.lab.test:{parent.port}" in text or "office" in text
        row, = proxy.log(1)
        assert (row["sc-status"], row["sc-win32-status"], row["x-end"]) == ("502", "12201", name)
        tunnel = proxy.ask(f"CONNECT {page} HTTP/1.1\r\nHost: {page}\r\n\r\n", 10)
        assert tunnel.status == 502 and "12201" in tunnel.reason
        counted = [k for k, v in proxy.metrics().items() if name in k and v >= 1]
        assert counted, "no counter"


def test_held_is_named(child, page):
    with ScriptedOrigin(refuses) as parent:
        proxy = child(parent.port)
        must_be_12201(proxy.ask(absolute(page)), "parent-refused-us")
        must_be_12201(proxy.ask(absolute(page)), "parent-sign-in-held")
        ends = sorted(r["x-end"] for r in proxy.log(2))  # two workers: their lines come in either order
        assert ends == ["parent-refused-us", "parent-sign-in-held"]
    proxy.wait_event("refused our credentials for account")


# ---- parents that behave oddly


def test_a_parent_that_forgets_us_in_mid_connection(child, page):
    """A GET is asked again on a connection signed in anew; the client sees nothing."""
    served = []

    def forgets(wire):
        answered = 0
        while True:
            request = wire.request()
            if letting_in(wire, request):
                continue
            if answered:
                wire.send(BARE.format(""))
                continue
            answered += 1
            served.append(request.uri)
            wire.send(ok("page"))

    with ScriptedOrigin(forgets) as parent:
        proxy = child(parent.port, workers=1)
        with proxy.connect() as c:
            for i in range(4):
                answer = c.ask(absolute(page, f"/{i}"))
                assert (answer.status, answer.body) == (200, b"page"), answer.body
        assert len(served) == 4


def test_a_parent_that_closes_with_its_bare_challenge(child, page):
    def closes(wire):
        while True:
            request = wire.request()
            if not letting_in(wire, request):
                if request.method == "TRACE":
                    wire.send(BARE.format("Connection: close\r\n"))
                    return
                wire.send(ok("page"))

    with ScriptedOrigin(closes) as parent:
        proxy = child(parent.port, send="when-asked")
        assert [proxy.ask(absolute(page)).body for _ in range(3)] == [b"page"] * 3


def methods(log, wire, **answers):
    """Serves one connection: what each method is answered, after which it closes if the answer says so; GET is a page for whoever may."""
    while True:
        request = wire.request()
        log.append(request.method)
        answer = answers.get(request.method)
        if callable(answer):
            answer = answer(request)
        if answer is None:
            return
        wire.send(answer)
        if "Connection: close" in answer:
            return


CLOSES = "HTTP/1.1 {} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
STAYS = "HTTP/1.1 {} X\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize("answer", [ok("for everybody", "Connection: close\r\n"), CLOSES.format(405), CLOSES.format(400), None],
                         ids=["200", "405", "400", "closed"])
def test_a_parent_that_does_not_ask_and_closes_is_spoken_to_unsigned(child, page, answer):
    """send = when-asked: its answer to our question took the connection away, not the request of the client."""
    log = []
    with ScriptedOrigin(lambda wire: methods(log, wire, TRACE=answer, GET=ok("page"), POST=ok("posted"))) as parent:
        proxy = child(parent.port, send="when-asked", workers=1)
        assert proxy.ask(absolute(page)).body == b"page"
        assert proxy.ask(absolute(page, "/", "POST", "Content-Length: 4\r\n", "body")).body == b"posted"
        assert log == ["TRACE", "GET", "POST"], "asked once; then the connection is used again"
        assert proxy.metric("members_lost_total") == 0


def test_a_parent_that_does_not_ask_at_first_and_closes_and_then_asks(child, page):
    """A page for everybody, but not this one."""
    log = []

    def script(wire):
        while True:
            request = wire.request()
            log.append((request.method, kind_of(request)))
            if letting_in(wire, request):
                continue
            if request.method == "TRACE":
                wire.send(CLOSES.format(200))
                return
            wire.send(ok("page") if ("TRACE", 3) in log else BARE.format(""))

    with ScriptedOrigin(script) as parent:
        proxy = child(parent.port, send="when-asked", workers=1)
        assert proxy.ask(absolute(page)).body == b"page"
        assert log == [("TRACE", 0), ("GET", 0), ("TRACE", 1), ("TRACE", 3), ("GET", 0)]


@pytest.mark.parametrize("status", [400, 405, 501])
@pytest.mark.parametrize("closes", [False, True], ids=["stays", "closes"])
@pytest.mark.parametrize("taken", ["OPTIONS", "HEAD"])
@pytest.mark.parametrize("send", ["always", "when-asked"])
def test_a_parent_that_takes_no_trace_is_signed_in_to_by_another_request(child, page, status, closes, taken, send):
    log, refusal = [], (CLOSES if closes else STAYS).format(status)

    def script(wire):
        signed = False
        while True:
            request = wire.request()
            log.append(request.method)
            which = kind_of(request)
            if request.method == "GET":
                wire.send(ok("page") if signed else BARE.format(""))
            elif request.method != taken:
                wire.send(refusal)
                if closes:
                    return
            elif which == 1:
                wire.send(challenge_of())
            elif which == 3:
                signed = True
                wire.send("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n" + ("" if taken == "HEAD" else "welcome"))
            else:
                wire.send(BARE.format(""))

    with ScriptedOrigin(script) as parent:
        proxy = child(parent.port, send=send, workers=1)
        assert [proxy.ask(absolute(page)).body for _ in range(3)] == [b"page"] * 3
        assert log.count("TRACE") <= 2 and log.count(taken) >= 2, log


@pytest.mark.parametrize("password, status", [(PASSWORD, 200), ("wrong", 502)])
def test_basic_is_accepted_by_who_has_looked_at_it(child, secret, page, password, status):
    """A refusal of TRACE says nothing of the password: one that is wrong goes out once, however many ask."""
    log = []

    def script(wire):
        while True:
            request = wire.request()
            basic = token68(request.get("Proxy-Authorization"), "Basic")
            good = basic and base64.b64decode(basic).decode() == f"svc:{PASSWORD}"
            log.append((request.method, basic is not None))
            if request.method == "TRACE":
                wire.send(STAYS.format(405))
            else:
                wire.send(ok("page") if good else 'HTTP/1.1 407 X\r\nProxy-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n')

    with ScriptedOrigin(script) as parent:
        proxy = child(parent.port, "basic", account="svc", file=secret(password), workers=1)
        assert [proxy.ask(absolute(page)).status for _ in range(4)] == [status] * 4
        assert log.count(("OPTIONS", True)) == 1 and ("GET", False) not in log
        assert log.count(("GET", True)) == (4 if status == 200 else 0)


@pytest.mark.parametrize("password", [PASSWORD, "wrong"])
@pytest.mark.parametrize("send", ["always", "when-asked"])
def test_basic_that_only_the_request_itself_tries(child, secret, page, password, send):
    """The parent lets everybody TRACE: that is no word on our password, which a rush of clients must not carry to it again and again."""
    log = []

    def script(wire):
        while True:
            request = wire.request()
            basic = token68(request.get("Proxy-Authorization"), "Basic")
            good = basic and base64.b64decode(basic).decode() == f"svc:{PASSWORD}"
            if request.method == "GET":
                log.append(basic is not None)
                time.sleep(0.05)
            wire.send(ok("page") if good or request.method == "TRACE" else
                      'HTTP/1.1 407 X\r\nProxy-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n')

    with ScriptedOrigin(script) as parent:
        proxy = child(parent.port, "basic", account="svc", file=secret(password), send=send, workers=2)
        statuses = storm(proxy, page, 16, 2)
        if password == PASSWORD:
            assert statuses == [200] * 32
        else:
            assert set(statuses) == {502} and log.count(True) == 1, (statuses, log)
            must_be_12201(proxy.ask(absolute(page)), "parent-sign-in-held")
            assert {r["x-end"] for r in proxy.log(33)} == {"parent-refused-us", "parent-sign-in-held"}


def test_a_parent_that_takes_no_request_of_ours_is_said_so(child, page):
    log = []
    with ScriptedOrigin(lambda wire: methods(log, wire, TRACE=STAYS.format(405), OPTIONS=STAYS.format(405), HEAD=STAYS.format(405),
                                             GET=BARE.format(""))) as parent:
        for send in ("always", "when-asked"):
            text = must_be_12201(child(parent.port, send=send).ask(absolute(page)), "parent-sign-in-failed")
            assert "TRACE" in text and "405" in text, text


def test_credentials_go_to_nobody_who_is_not_named(child, page):
    """A site, and another parent's site, that asks as a proxy would."""
    seen = []

    def asks(wire):
        while True:
            seen.append(wire.request())
            wire.send(BARE.format(""))

    with ScriptedOrigin(asks) as site, ScriptedOrigin(lambda w: None) as parent:
        proxy = child(parent.port)
        answer = proxy.ask(absolute(f"site1.lab.test:{site.port}"))
        assert answer.status in (407, 502)
        assert len(seen) == 1 and seen[0].get("Proxy-Authorization") is None and seen[0].method == "GET"


def test_a_clients_own_credentials_for_us_do_not_go_to_the_parent(child, page):
    heads = []

    def lets_in(wire):
        while True:
            request = wire.request()
            heads.append(request)
            if not letting_in(wire, request):
                wire.send(ok("page"))

    with ScriptedOrigin(lets_in) as parent:
        proxy = child(parent.port)
        assert proxy.ask(absolute(page, fields="Proxy-Authorization: Basic Zm9vOmJhcg==\r\n")).status == 200
        assert not [h for h in heads if "Basic" in (h.get("Proxy-Authorization") or "")]


# ---- the next member, where the setting says so


class Member:
    """A scripted parent that verifies by a switch, and counts what it was shown. It closes after each request: every one is a sign-in."""

    def __init__(self, name, lets_in=True):
        self.name, self.lets_in, self.proofs, self.pages = name, lets_in, 0, 0
        self.origin = ScriptedOrigin(self._script)
        self.port = self.origin.port

    def _script(self, wire):
        while True:
            request = wire.request()
            which = kind_of(request)
            self.proofs += which == 3
            if which == 1:
                wire.send(challenge_of())
            elif which == 3:
                wire.send(ok("in") if self.lets_in else BARE.format(""))
            else:
                self.pages += 1
                wire.send(ok(self.name, "Connection: close\r\n"))
                return


@pytest.fixture
def two_members(fairlead, secret):
    """A proxy whose upstream has a main member and a backup, one secret for both."""
    members = []

    def make(main=True, backup=True, setting="next-when-refused = true"):
        members.extend([Member("main", main), Member("backup", backup)])
        block = f"credentials {{ scheme = {{ntlm}}  account = 'LAB\\svc'  password-file = \"{secret(f'two members {len(members)} {id(members)}')}\" }}"
        proxy = fairlead(workers=1, routes='route { to = {"*"}  via = office }', upstreams=f'upstream office {{ '
                         f'member "127.0.0.1:{members[-2].port}" {{ }}  member "127.0.0.1:{members[-1].port}" {{ backup = true }}  {block}  {setting} }}')
        return proxy, members[-2], members[-1]

    yield make
    for m in members:
        m.origin.close()
        m.origin.check()


def test_the_next_member_is_tried_where_one_refuses_us(two_members, page):
    proxy, main, backup = two_members()
    assert proxy.ask(absolute(page)).body == b"main"
    main.lets_in, before = False, main.proofs
    assert [proxy.ask(absolute(page)).body for _ in range(8)] == [b"backup"] * 8
    assert main.proofs - before == 1, "who refused is not asked again for a while"
    assert proxy.metric("upstream_failovers_total") == 1 and proxy.metric("members_lost_total") == 0
    with proxy.connect() as c:
        c.send(absolute(page))
        assert c.response().get("Proxy-Status") is None
    proxy.reload()
    proxy.wait_metric("reloads_total", lambda n: n == 1)
    assert proxy.ask(absolute(page)).body == b"backup"
    assert main.proofs - before == 1


def test_without_the_setting_a_refusal_is_the_answer(two_members, page):
    proxy, main, backup = two_members(setting="")
    assert proxy.ask(absolute(page)).body == b"main"
    main.lets_in = False
    must_be_12201(proxy.ask(absolute(page)), "parent-refused-us")
    assert backup.proofs == 0


def test_a_secret_never_accepted_is_tried_at_one_member(two_members, page):
    proxy, main, backup = two_members(main=False)
    text = must_be_12201(proxy.ask(absolute(page)), "parent-refused-us")
    assert f"127.0.0.1:{main.port}" in text or "office" in text
    for _ in range(5):
        must_be_12201(proxy.ask(absolute(page)), None)
    assert (main.proofs, backup.proofs) == (1, 0)


def test_all_members_together_see_no_more_than_the_guard_allows(two_members, page):
    proxy, main, backup = two_members()
    assert proxy.ask(absolute(page)).body == b"main"
    main.lets_in = backup.lets_in = False
    before = main.proofs
    must_be_12201(proxy.ask(absolute(page)), "parent-refused-us")
    for _ in range(6):
        must_be_12201(proxy.ask(absolute(page)), None)
    assert main.proofs - before + backup.proofs <= 3
    assert backup.proofs >= 1


def test_a_member_that_offers_something_else_gives_way_too(two_members, page):
    proxy, main, backup = two_members()
    main.origin.scripts = [offers_basic]
    assert [proxy.ask(absolute(page)).body for _ in range(3)] == [b"backup"] * 3


# ---- over TLS


class Terminator:
    """Ends TLS with a certificate of its own and goes on over TLS to the parent: what channel bindings are there to find out."""

    def __init__(self, folder, port):
        key, certificate = make_certificate(folder, "terminator", "proxy2.lab.test")
        self.inside = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.inside.check_hostname, self.inside.verify_mode = False, ssl.CERT_NONE
        self.outside = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.outside.load_cert_chain(certificate, key)
        self.target, self.sock = port, socket.create_server(("127.0.0.1", 0))
        self.port, self.seen = self.sock.getsockname()[1], b""
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self.sock.accept()[0],), daemon=True).start()

    def _serve(self, client):
        with contextlib.suppress(OSError):
            client = self.outside.wrap_socket(client, server_side=True)
            server = self.inside.wrap_socket(socket.create_connection(("127.0.0.1", self.target), 5))
            threading.Thread(target=self._copy, args=(server, client), daemon=True).start()
            self._copy(client, server)

    def _copy(self, one, other):
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                self.seen += data
                other.sendall(data)
        with contextlib.suppress(OSError):
            other.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.sock.close()


@pytest.mark.parametrize("scheme", ["ntlm", "negotiate"])
def test_our_sign_in_is_bound_to_the_parents_certificate(lab, fairlead, secret, page, scheme):
    """So that whoever stands between with another certificate cannot pass it on."""
    folder, kdc = lab.folder(f"bound-{scheme}"), lab.part(Kdc)
    key, certificate = make_certificate(folder, "parent", "proxy2.lab.test")
    accounts = Accounts(lab, svc=PASSWORD)
    parent = fairlead(name="proxy2.lab.test", env={"KRB5_CONFIG": kdc.config},
                      listen=f'sign-on = {{{scheme}}}  {"accounts = {local}" if scheme == "ntlm" else ""}  intermediaries = {{"127.0.0.1"}}  '
                             f'channel-binding = require  tls {{ certificate = "{certificate}"  key = "{key}" }}',
                      more=f'accounts local {{ file = "{accounts.file}" }}\nkerberos {{ keytab = "{kdc.keytab}" }}')
    how = f'account = "svc"  password-file = "{secret()}"' if scheme == "ntlm" else f'account = "bob@LAB.TEST"  password-file = "{secret("Secret2")}"'

    def through(port):
        return fairlead(env={"KRB5_CONFIG": kdc.config}, routes='route { to = {"*"}  via = office }', upstreams=f'upstream office {{ '
                        f'member "proxy2.lab.test:{port}" {{ }}  tls {{ verify = false }}  credentials {{ scheme = {{{scheme}}}  {how} }} }}')

    terminator = Terminator(folder, parent.port)
    try:
        direct = through(parent.port)
        assert [direct.ask(absolute(page)).status for _ in range(3)] == [200] * 3
        user = "svc" if scheme == "ntlm" else "LAB\\bob"
        assert parent.log(1)[-1]["cs-username"] == user
        must_be_12201(through(terminator.port).ask(absolute(page)), "parent-refused-us")
        assert b"Proxy-Authorization" in terminator.seen
        parent.wait_event("channel-bindings-wrong")
    finally:
        terminator.close()
