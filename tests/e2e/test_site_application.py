"""A real application behind a published site, both ways: we sign its users in and tell it who they are; or it signs them in itself, on a
connection that stays theirs."""

import asyncio
import base64
import hashlib
import itertools
import json
import os
import re
import select
import socket
import struct
import subprocess
import threading

import pytest

import ntlm
from lab.application import Application, SigningApplication
from lab.curl import PASSWORDS
from lab.curl import curl as through
from lab.fairlead import sanitized
from lab.processes import Process, free_port, wait_until
from lab.site import Recorder, Site, authorization, local_accounts, request, sign_in_to_site
from lab.squid import NtlmOrigin
from lab.websocket import BINARY, TEXT, frame, read_frame, upgrade
from lab.wire import ScriptedOrigin, Wire, connect, ok, token68
from test_tls_listener import make_certificate

HOST = "site1.lab.test"
GIGABYTE = 1 << 30
LARGE = 64 << 20 if sanitized() else GIGABYTE


@pytest.fixture(scope="module")
def accounts(lab):
    return local_accounts(lab)


@pytest.fixture(scope="module")
def application(lab):
    return lab.part(Application)


@pytest.fixture(scope="module")
def signing(lab):
    return lab.part(SigningApplication)


@pytest.fixture
def publish(fairlead, accounts, application):
    def make(directories='sign-on = {ntlm}', members=None, app="", scheme="http", more="", **pieces):
        members = members or [f"http://127.0.0.1:{application.port}"]
        blocks = f"""site {HOST} {{
    listen = {{"{{address}}"}}
    accounts = {{local}}
    application = app
    {directories}
}}
application app {{
    {"".join(f'member "{m}" {{ }}' + chr(10) for m in members)}
    {app}
}}
"""
        return Site(fairlead, accounts, blocks, more=more, scheme=scheme, **pieces)
    return make


def who(answer):
    assert answer.status == 200, (answer.start, answer.body[:500])
    return json.loads(answer.body)


def get(path="/who", fields=""):
    return request(path, HOST, fields=fields)


def fields_of(seen, name):
    """All values of a field that the application got, from its list of names and values in turn."""
    names, values = seen["fields"][::2], seen["fields"][1::2]
    return [v for n, v in zip(names, values) if n.lower() == name.lower()]


def curl(site, paths, *options, env=None, seconds=60, scheme="http"):
    """curl to the site itself, all paths on one connection: what it printed for each."""
    urls = [f"{scheme}://{HOST}:{site.port}{path}" for path in ([paths] if isinstance(paths, str) else paths)]
    clean = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    done = subprocess.run(["curl", "-sS", "--max-time", str(seconds), "--resolve", f"{HOST}:{site.port}:127.0.0.1", *options,
                           "-w", "\n%{http_code} %{num_connects}\n", *urls],
                          capture_output=True, env={**clean, **(env or {})}, timeout=seconds + 10)
    lines = done.stdout.decode().split("\n")[:-1]
    assert len(lines) == 2 * len(urls), (done.stdout, done.stderr)
    return [(int(lines[i + 1].split()[0]), int(lines[i + 1].split()[1]), lines[i]) for i in range(0, len(lines), 2)]


# ---- we sign the users in

@pytest.mark.parametrize("user_format, local, kerberos", [("domain", "alice", r"LAB\alice"), ("upn", "alice", "alice@lab.test"),
                                                         ("name", "alice", "alice")])
def test_the_application_is_told_who_signed_in(publish, kdc, user_format, local, kerberos):
    site = publish(f"sign-on = {{negotiate, ntlm}}  user-format = {user_format}", env={"KRB5_CONFIG": kdc.config},
                   more=f'kerberos {{ keytab = "{kdc.keytab}" }}')
    for options, env, user, groups in ((["--ntlm", "-u", "alice:Secret1"], {}, local, "staff, Web Users"),
                                       (["--negotiate", "-u", ":"], kdc.client_env("alice"), kerberos, None)):
        answers = curl(site, ["/who", "/other/page?x=y", "/upload"], *options, env=env)
        assert [status for status, _, _ in answers] == [200] * 3, answers
        assert sum(connects for _, connects, _ in answers) == 1
        seen = [json.loads(text) for _, _, text in answers]
        assert [s["user"] for s in seen] == [user] * 3
        assert groups is None or [s["groups"] for s in seen] == [groups] * 3
        assert [s["path"] for s in seen] == ["/who", "/other/page?x=y", "/upload"]
        for s in seen:
            assert fields_of(s, "Authorization") == [] and len(fields_of(s, "X-Remote-User")) == 1
            assert s["host"] == f"{HOST}:{site.port}" == fields_of(s, "X-Forwarded-Host")[0]
            assert fields_of(s, "X-Forwarded-For") == ["127.0.0.1"] and fields_of(s, "X-Forwarded-Proto") == ["http"]
            assert fields_of(s, "Forwarded") == [f'for=127.0.0.1;proto=http;host="{HOST}:{site.port}"']


def test_a_name_outside_of_ascii_is_utf_8(publish, accounts):
    accounts.add("jürgen", "Geheim3ß", groups="Büro,50%")
    site = publish()
    with site.connect() as c:
        seen = who(sign_in_to_site(c, "jürgen", "/who", HOST, password="Geheim3ß"))
    assert seen["user"].encode("latin-1").decode() == "jürgen"
    assert seen["groups"].encode("latin-1").decode() == "Büro, 50%25"


def test_anonymous_users_have_no_name_and_directories_decide(publish):
    site = publish('sign-on = {anonymous}  directory "/in/" { sign-on = {ntlm} }  directory "/staff/" { sign-on = {ntlm}  groups = {staff} }')
    with site.connect() as c:
        seen = who(c.ask(get()))
        assert seen["user"] == "-" and fields_of(seen, "X-Remote-User") == []
        assert c.ask(get("/in/x")).status == 401
        assert who(sign_in_to_site(c, "bob", "/in/x", HOST))["user"] == "bob"
        assert who(c.ask(get("/in/y")))["user"] == "bob"
        assert c.ask(get("/staff/x")).status == 401
        assert who(c.ask(get()))["user"] == "-", "where nobody is asked nobody is told"


@pytest.mark.parametrize("credentials", ["Bearer abc.def", 'Digest username="x"'])
def test_where_anonymous_may_come_in_credentials_of_the_application_s_own_pass(publish, credentials):
    site = publish('sign-on = {anonymous, ntlm}  directory "/in/" { sign-on = {ntlm} }')
    with site.connect() as c:
        seen = who(c.ask(get(fields=f"Authorization: {credentials}\r\n")))
        assert fields_of(seen, "Authorization") == [credentials] and seen["user"] == "-"
        assert c.ask(get("/in/x", fields=f"Authorization: {credentials}\r\n")).status == 401


def test_a_token_that_could_sign_a_connection_in_never_passes_where_we_sign_in(publish):
    site = publish("sign-on = {anonymous, ntlm}")
    for scheme in ("NTLM", "Negotiate", "Kerberos", "Nego2", "X-Other"):
        answer = site.ask(get(fields=authorization(scheme, ntlm.type1())))
        assert answer.status == 401, scheme


@pytest.mark.parametrize("credentials", ["Basic " + base64.b64encode(b"alice:Secret1").decode(),
                                         "NTLM " + base64.b64encode(ntlm.type1()).decode()])
def test_what_is_not_offered_on_a_plain_connection_is_no_credential_of_the_application_s(publish, credentials):
    site = publish("sign-on = {anonymous, basic}")
    with site.connect() as c:
        for _ in range(2):
            seen = who(c.ask(get(fields=f"Authorization: {credentials}\r\n")))
            assert fields_of(seen, "Authorization") == [] and seen["user"] == "-"
        assert fields_of(who(c.ask(get(fields="Authorization: Bearer x.y\r\n"))), "Authorization") == ["Bearer x.y"]
    assert site.fairlead.metric("pins_total") == 0


# ---- the application signs them in itself

def ntlm_curl(site, signing, user, paths, *options):
    return curl(site, paths, "--negotiate", "-u", ":", *options, env=signing.ntlm_env(user))


@pytest.fixture
def pinned(publish, signing):
    return publish("sign-on = {anonymous}", members=[f"http://127.0.0.1:{signing.port}"])


@pytest.mark.parametrize("scheme", ["ntlm", "kerberos"])
def test_the_application_signs_in_by_itself_and_the_connection_stays_its_users(pinned, signing, kdc, scheme):
    for user in ("alice", "bob"):
        env = signing.ntlm_env(user) if scheme == "ntlm" else kdc.client_env(user)
        answers = curl(pinned, [f"/who?{i}" for i in range(5)], "--negotiate", "-u", ":", env=env)
        assert [status for status, _, _ in answers] == [200] * 5, answers
        assert sum(connects for _, connects, _ in answers) == 1
        named = {json.loads(text)["user"].lower() for _, _, text in answers}
        assert named == {rf"lab\{user}" if scheme == "ntlm" else f"{user}@lab.test"}
    with pinned.connect() as c:
        challenge = c.ask(get())
        assert challenge.status == 401 and challenge.get("WWW-Authenticate") == "Negotiate, NTLM"
        assert challenge.get("Proxy-Support") is None and challenge.get("Proxy-Authenticate") is None


def test_raw_ntlm_goes_through_and_users_are_never_mixed(publish, lab):
    """Squid with ntlm_auth is the application's server: it names the connection and whom it signed in there."""
    origin = lab.part(NtlmOrigin)
    site = publish("sign-on = {anonymous}", members=[f"http://127.0.0.1:{origin.port}"], workers=2)
    connections = {user: [site.connect() for _ in range(5)] for user in ("alice", "bob", None)}

    def words(answer):
        return dict(word.split("=", 1) for word in answer.body.decode().split() if "=" in word)

    for user in ("alice", "bob"):
        for c in connections[user]:
            challenge = c.ask(get("/", authorization("NTLM", ntlm.type1())))
            token = base64.b64decode(token68(challenge.get("WWW-Authenticate"), "NTLM"))
            signed_in = c.ask(get("/", authorization("NTLM", ntlm.type3(token, user, PASSWORDS[user]))))
            assert words(signed_in)["user"].lower().endswith(user), signed_in.body
    held = set()
    for turn in range(20):
        for user, list_ in connections.items():
            for c in list_:
                answer = c.ask(get(f"/{turn}"))
                if user is None:
                    assert answer.status == 401
                else:
                    assert words(answer)["user"].lower().endswith(user), (user, answer.body)
                    held.add((user, words(answer)["conn"]))
    assert len(held) == 10, "one connection of the application for each client's"
    for list_ in connections.values():
        for c in list_:
            c.close()


def ntlm_application(name):
    """A script: whoever signs in by NTLM is answered with its name and how many requests came on this connection."""
    def script(w):
        for count in itertools.count():
            seen = w.request()
            token = token68(seen.get("Authorization"), "NTLM")
            if token and ntlm.message_type(base64.b64decode(token)) == 1:
                type2, nonce = ntlm.challenge()
                w.send(f"HTTP/1.1 401 X\r\nWWW-Authenticate: NTLM {base64.b64encode(type2).decode()}\r\nContent-Length: 0\r\n\r\n")
            else:
                user = ntlm.verify(base64.b64decode(token), nonce, PASSWORDS) if token else user if count else None
                w.send(ok(f"{name} {user}") if user else "HTTP/1.1 401 X\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n")
    return script


def test_two_applications_on_one_connection_of_a_client_are_two(fairlead, accounts):
    """Each has its own connection and its own user, however the requests alternate; a third, where we sign in, has none of theirs."""
    with ScriptedOrigin(ntlm_application("one")) as one, ScriptedOrigin(ntlm_application("two")) as two, Recorder() as open_:
        site = Site(fairlead, accounts, f"""site {HOST} {{
    listen = {{"{{address}}"}}
    accounts = {{local}}
    sign-on = {{anonymous}}
    directory "/one/" {{ application = one }}
    directory "/two/" {{ application = two }}
    directory "/ours/" {{ application = ours  sign-on = {{ntlm}} }}
    directory "/" {{ application = ours }}
}}
application one {{ member "http://127.0.0.1:{one.port}" {{ }} }}
application two {{ member "http://127.0.0.1:{two.port}" {{ }} }}
application ours {{ member "http://127.0.0.1:{open_.port}" {{ }} }}
""")
        with site.connect() as c:
            assert c.ask(get("/one/")).status == c.ask(get("/two/")).status == 401
            for path, user in (("/one/", "alice"), ("/two/", "bob")):
                challenge = c.ask(get(path, authorization("NTLM", ntlm.type1())))
                token = base64.b64decode(token68(challenge.get("WWW-Authenticate"), "NTLM"))
                last = ntlm.type3(token, user, PASSWORDS[user])
                assert c.ask(get(path, authorization("NTLM", last))).body.decode() == f"{path.strip('/')} {user}"
            for _ in range(5):
                assert c.ask(get("/one/x")).body == b"one alice"
                assert c.ask(get("/")).body == b"reached"
                assert c.ask(get("/two/x")).body == b"two bob"
            assert sign_in_to_site(c, "bob", "/ours/x", HOST).body == b"reached"
            assert c.ask(get("/one/x")).body == b"one alice"
            assert c.ask(get("/ours/y")).body == b"reached"
        assert {r.get("X-Remote-User") for r in open_.requests if r.uri.startswith("/ours/")} == {"bob"}
        assert {r.get("X-Remote-User") for r in open_.requests if r.uri == "/"} == {None}
        assert not [r for r in open_.requests if r.get("Authorization")]


def test_the_log_tells_the_legs_of_the_applications_own_sign_in(pinned, signing):
    ntlm_curl(pinned, signing, "alice", ["/who", "/who"])
    rows = pinned.fairlead.log(3)
    assert [r["sc-status"] for r in rows[-3:]] == ["401", "200", "200"]
    assert rows[-3]["sc-substatus"] == "1"


# ---- an application that nobody wrote for this

@pytest.fixture(scope="module")
def radicale(lab):
    """Debian's calendar server, told that the server in front names the user in X-Remote-User."""
    port, d = free_port(), lab.folder("radicale")
    settings = lab.write("radicale/config", f"[server]\nhosts = 127.0.0.1:{port}\n[auth]\ntype = http_x_remote_user\n"
                         f"[rights]\ntype = owner_only\n[storage]\nfilesystem_folder = {d}/collections\n[web]\ntype = none\n")
    Process(lab, "radicale", ["/usr/bin/python3", "-m", "radicale", "--config", settings]).listening(port)
    return port


PRINCIPAL = '<propfind xmlns="DAV:"><prop><current-user-principal/></prop></propfind>'
EVENT = ("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:20260101T000000Z\r\n"
         "SUMMARY:lunch\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n")


def test_a_calendar_server_knows_its_users_and_keeps_their_things_apart(publish, radicale):
    site = publish(members=[f"http://127.0.0.1:{radicale}"])
    forged = "X_Remote_User: alice\r\nX-Remote-User: alice\r\nREMOTE_USER: alice\r\nRemote-User: alice\r\n"
    with site.connect() as alice, site.connect() as bob:
        for c, user in ((alice, "alice"), (bob, "bob")):
            principal = sign_in_to_site(c, user, "/", HOST, method="PROPFIND", fields=forged + "Depth: 0\r\n", body=PRINCIPAL)
            assert principal.status == 207 and f"<href>/{user}/</href>" in principal.body.decode().replace("ns0:", ""), principal.body
        assert alice.ask(request("/alice/calendar/", HOST, "MKCALENDAR", "Content-Length: 0\r\n")).status == 201
        assert alice.ask(request("/alice/calendar/1.ics", HOST, "PUT", "Content-Type: text/calendar\r\n", EVENT)).status == 201
        assert b"SUMMARY:lunch" in alice.ask(get("/alice/calendar/1.ics")).body
        assert bob.ask(get("/alice/calendar/1.ics", forged)).status in (403, 404)
        assert bob.ask(request("/alice/calendar/1.ics", HOST, "DELETE", forged)).status in (403, 404)
        assert alice.ask(get("/alice/calendar/1.ics")).status == 200
    with site.connect() as nobody:
        assert nobody.ask(get("/alice/calendar/1.ics", forged)).status == 401


# ---- WebSocket, both ways

def converse(c):
    for data, kind in ((b"hello", TEXT), (os.urandom(100), BINARY), (os.urandom(70000), BINARY), (os.urandom(2_000_000), BINARY)):
        c.send(frame(data, kind))
        assert read_frame(c) == (kind, data)


def test_websocket_of_a_user_whom_we_signed_in(publish):
    site = publish()
    with site.connect() as c:
        refused = c.ask(upgrade("/live", HOST))
        assert refused.status == 401
        assert sign_in_to_site(c, "alice", "/who", HOST).status == 200
        assert c.ask(upgrade("/live", HOST, "X-Remote-User: bob\r\n")).status == 101
        hello = json.loads(read_frame(c)[1])
        assert hello["user"] == "alice" and fields_of(hello, "X-Remote-User") == ["alice"]
        converse(c)


def test_websocket_of_a_user_whom_the_application_signed_in(pinned, signing):
    with pinned.connect() as c:
        assert c.ask(upgrade("/live", HOST)).status == 401
    c, user = signed_in(pinned, "the application's", signing)
    with c:
        assert who(c.ask(get()))["user"] == user, "bound to the connection"
        assert c.ask(upgrade("/live", HOST)).status == 101
        assert json.loads(read_frame(c)[1])["user"] == user
        converse(c)
    with pinned.connect() as c:
        assert c.ask(upgrade("/live", HOST)).status == 401, "nobody else has it"


# ---- large bodies

class Memory:
    """Looks how much Fairlead holds, while something goes on."""

    def __init__(self, site):
        self.site, self.before, self.most = site, site.fairlead.memory(), 0

    def look(self):
        self.most = max(self.most, self.site.fairlead.memory())

    def expect_bounded(self):
        assert sanitized() or self.most - self.before < 48 << 20, f"{self.before >> 20} MB grew to {self.most >> 20} MB"


def download(c, path, memory, fields=""):
    """(bytes, SHA-1) of an answer that is not kept."""
    c.send(get(path, fields))
    start, head = c._head()
    assert " 200 " in start, start
    digest, length, names = hashlib.sha1(), 0, {k.lower(): v for k, v in head}
    chunked = names.get("transfer-encoding") == "chunked"
    left = 0 if chunked else int(names["content-length"])
    while True:
        if chunked and left == 0:
            left = int(c.until(b"\r\n"), 16)
            if left == 0:
                assert c.read(2) == b"\r\n"
                return length, digest.hexdigest()
        if not c.buffer:
            c.buffer = c.sock.recv(1 << 20)
            assert c.buffer, "the answer ended early"
        piece, c.buffer = c.buffer[:left], c.buffer[left:]
        left -= len(piece)
        length += len(piece)
        digest.update(piece)
        if length % (64 << 20) < len(piece):
            memory.look()
        if left == 0 and chunked:
            assert c.read(2) == b"\r\n"
        elif left == 0:
            return length, digest.hexdigest()


def pattern(n):
    """SHA-1 of what /download sends."""
    piece, digest = (b"fairlead." * 7282)[:65536], hashlib.sha1()
    for at in range(0, n, 65536):
        digest.update(piece[:min(65536, n - at)])
    return digest.hexdigest()


def upload(c, path, n, memory, chunked):
    """The application's word on what came."""
    piece = os.urandom(1 << 20)
    digest = hashlib.sha1()
    framing = "Transfer-Encoding: chunked\r\n" if chunked else f"Content-Length: {n}\r\n"
    c.send(request(path, HOST, "PUT", framing))
    for at in range(0, n, len(piece)):
        c.send(b"%x\r\n" % len(piece) + piece + b"\r\n" if chunked else piece)
        digest.update(piece)
        if at % (64 << 20) == 0:
            memory.look()
    if chunked:
        c.send("0\r\n\r\n")
    seen = who(c.response())
    assert (seen["length"], seen["sha1"]) == (n, digest.hexdigest())
    return seen


def signed_in(site, way, signing):
    """A connection on which alice has signed in: to us, or to the application."""
    c = site.connect(60)
    if way == "ours":
        assert who(sign_in_to_site(c, "alice", "/who", HOST))["user"] == "alice"
        return c, "alice"
    token = signing.ticket("alice", HOST)
    assert who(c.ask(get("/who", authorization("Negotiate", token))))["user"] == "alice@LAB.TEST"
    return c, "alice@LAB.TEST"


@pytest.mark.slow
@pytest.mark.parametrize("way", ["ours", "the application's"])
def test_a_gigabyte_up_and_down_in_bounded_memory(publish, signing, way):
    site = publish() if way == "ours" else publish("sign-on = {anonymous}", members=[f"http://127.0.0.1:{signing.port}"])
    c, user = signed_in(site, way, signing)
    memory, less = Memory(site), LARGE // 8
    with c:
        assert download(c, f"/download/{LARGE}", memory) == (LARGE, pattern(LARGE))
        assert download(c, f"/download/{less}?chunked=1", memory) == (less, pattern(less))
        assert upload(c, "/upload", less, memory, chunked=False)["user"] == user
        assert upload(c, "/upload", LARGE, memory, chunked=True)["user"] == user
        assert who(c.ask(get()))["user"] == user, "still the same connection"
    memory.expect_bounded()


def test_a_slow_reader_and_a_slow_writer_hold_little(publish):
    site = publish("sign-on = {anonymous}")
    memory = Memory(site)
    readers = [site.connect() for _ in range(20)]
    for c in readers:
        c.send(get(f"/download/{100 << 20}"))
    writers = [site.connect() for _ in range(20)]
    for c in writers:
        c.send(request("/upload", HOST, "PUT", f"Content-Length: {100 << 20}\r\n") + "x" * 10000)
    wait_until(lambda: all(c.sock.recv(1, socket.MSG_PEEK) for c in readers), "the first bytes")
    memory.look()
    memory.expect_bounded()
    for c in readers + writers:
        c.close()


# ---- Expect, and the limit of bodies

def test_expect_continue_is_the_applications_to_answer(publish):
    site = publish("sign-on = {anonymous}")
    with site.connect() as c:
        c.send(request("/upload", HOST, "PUT", "Content-Length: 5\r\nExpect: 100-continue\r\n"))
        assert c.response().status == 100
        c.send("hello")
        assert who(c.response())["length"] == 5
        c.send(request("/unwanted", HOST, "PUT", "Content-Length: 5\r\nExpect: 100-continue\r\n"))
        assert c.response().status == 417


def test_expect_continue_and_a_sign_in(publish):
    """A body that waits is not sent for a 401, and the leg's connection goes on."""
    site = publish()
    with site.connect() as c:
        assert c.ask(get()).status == 401
        challenge = c.ask(request("/upload", HOST, "PUT", authorization("NTLM", ntlm.type1()) + "Content-Length: 0\r\n"))
        token = base64.b64decode(token68(challenge.get("WWW-Authenticate"), "NTLM"))
        c.send(request("/upload", HOST, "PUT", authorization("NTLM", ntlm.type3(token, "alice", "Secret1", "")) +
                       "Content-Length: 5\r\nExpect: 100-continue\r\n"))
        assert c.response().status == 100
        c.send("hello")
        seen = who(c.response())
        assert (seen["user"], seen["length"]) == ("alice", 5)


@pytest.fixture
def limited(publish):
    return lambda **more: publish('sign-on = {anonymous}  body = 100KB  directory "/more/" { body = 1MB }', **more)


def test_a_body_that_announces_too_much_is_a_413(limited):
    site = limited()
    for path, fits, does_not in (("/upload", 102400, 102401), ("/more/upload", 1 << 20, (1 << 20) + 1)):
        with site.connect() as c:
            assert c.ask(request(path, HOST, "PUT", body="x" * fits)).status == 200
            c.send(request(path, HOST, "PUT", f"Content-Length: {does_not}\r\nExpect: 100-continue\r\n"))
            assert c.response().status == 413
    row = site.fairlead.log(4)[1]
    assert (row["sc-status"], row["x-end"]) == ("413", "site-body-too-large")


@pytest.mark.parametrize("size, chunk", [(102401, 102401), (200_000, 1000), (5 << 20, 65536)])
def test_a_chunked_body_is_counted_as_it_comes(limited, application, size, chunk):
    site = limited()
    with site.connect() as c:
        c.send(request("/upload", HOST, "PUT", "Transfer-Encoding: chunked\r\n"))
        try:
            for at in range(0, size, chunk):
                piece = b"x" * min(chunk, size - at)
                c.send(b"%x\r\n" % len(piece) + piece + b"\r\n")
            c.send("0\r\n\r\n")
        except OSError:
            pass  # it has closed already
        answer = c.response()
        assert answer.status == 413 and answer.closes
    assert site.fairlead.log()[0]["x-end"] == "site-body-too-large"
    with site.connect() as c:
        c.send(request("/upload", HOST, "PUT", "Transfer-Encoding: chunked\r\n"))
        c.send(b"19000\r\n" + b"x" * 102400 + b"\r\n0\r\n\r\n")
        assert who(c.response())["length"] == 102400
        assert who(c.ask(get()))["path"] == "/who"


def test_an_answer_that_has_begun_is_cut_when_the_body_grows_too_large(limited):
    def answers_at_once(w):
        w.request(body=False)
        w.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        w.rest()

    with ScriptedOrigin(answers_at_once) as origin:
        site = limited(members=[f"http://127.0.0.1:{origin.port}"])
        with site.connect() as c:
            c.send(request("/upload", HOST, "PUT", "Transfer-Encoding: chunked\r\n") + "5\r\nhello\r\n")
            assert b" 200 " in c.until(b"hello")
            try:
                for _ in range(30):
                    c.send(b"2000\r\n" + b"x" * 8192 + b"\r\n")
            except OSError:
                pass
            assert b"\r\n0\r\n" not in c.rest()
    assert site.fairlead.log()[0]["x-end"] == "site-body-too-large"


# ---- several servers

@pytest.fixture
def farm(lab):
    """Three of the application, on ports of their own; ended with the test."""
    members = [Application(lab) for _ in range(3)]
    yield members
    for m in members:
        m.process.end()


def set_health(application, status):
    with connect(application.port) as c:
        assert c.ask(request(f"/health/{status}", HOST, "POST", "Content-Length: 0\r\n")).status == 200


def ports_seen(site, n=12):
    seen = []
    for _ in range(n):
        with site.connect() as c:
            seen.append(who(c.ask(get()))["port"])
    return seen


def test_a_member_whose_health_is_bad_gets_nothing_until_it_is_well(publish, farm):
    site = publish("sign-on = {anonymous}", members=[f"http://127.0.0.1:{m.port}" for m in farm],
                   app='health = "/health"  probe = 200ms')
    first = ports_seen(site, 6)
    assert len(set(first)) == 1, "a client stays with its member"
    used = next(m for m in farm if m.port == first[0])
    set_health(used, 503)
    site.fairlead.wait_event(rf"127.0.0.1:{used.port}.*503")
    assert used.port not in ports_seen(site)
    set_health(used, 200)
    wait_until(lambda: ports_seen(site, 1) == [used.port], "the member to be back")


def test_clients_behind_a_balancer_are_shared_out_by_their_own_addresses(publish, farm):
    for intermediaries, members in (("", 1), ('intermediaries = {"127.0.0.1"}', 3)):
        site = publish(f"sign-on = {{anonymous}}  {intermediaries}", members=[f"http://127.0.0.1:{m.port}" for m in farm])
        seen = {}
        for turn in range(60):
            client = f"10.0.0.{turn % 30}"
            seen.setdefault(client, set()).add(who(site.ask(get(fields=f"X-Forwarded-For: {client}\r\n")))["port"])
        assert len(set.union(*seen.values())) == members
        assert all(len(ports) == 1 for ports in seen.values()), "each stays with its member"


def test_a_member_that_dies_is_gone_round_at_once(publish, farm):
    site = publish("sign-on = {anonymous}", members=[f"http://127.0.0.1:{m.port}" for m in farm], app="probe = 200ms")
    used = next(m for m in farm if m.port == ports_seen(site, 1)[0])
    used.process.end()
    assert used.port not in ports_seen(site)
    assert site.fairlead.metric("upstream_failovers_total") >= 1


def test_all_members_down(publish, farm):
    site = publish("sign-on = {anonymous}", members=[f"http://127.0.0.1:{m.port}" for m in farm], app="probe = 200ms")
    for m in farm:
        m.process.end()
    answer = site.ask(get())
    assert answer.status == 502 and b"502.4" in answer.body
    row = site.fairlead.log()[0]
    assert (row["sc-status"], row["sc-substatus"], row["x-end"]) == ("502", "4", "site-no-server")


def test_the_one_member_down(publish):
    site = publish("sign-on = {anonymous}", members=[f"http://127.0.0.1:{free_port()}"])
    assert site.ask(get()).status == 502
    row = site.fairlead.log()[0]
    assert (row["sc-status"], row["sc-substatus"], row["x-end"]) == ("502", "3", "connect-refused")


@pytest.mark.parametrize("workers", [1, 2])
def test_no_more_connections_than_allowed(publish, workers):
    """The others wait for their turn, and who waits too long is told that it is busy."""
    open_now, most, gate = set(), [0], threading.Event()

    def slow(w):
        open_now.add(w)
        most[0] = max(most[0], len(open_now))
        try:
            while True:
                w.request()
                gate.wait(20)
                w.send(ok("done"))
        finally:
            open_now.discard(w)

    with ScriptedOrigin(slow) as origin:
        site = publish("sign-on = {anonymous}", members=[f"http://127.0.0.1:{origin.port}"], app="connections = 3",
                       timeouts="connect = 1s", workers=workers)
        clients = [site.connect() for _ in range(12)]
        for c in clients:
            c.send(get())
        told = wait_until(lambda: len(found := readable(clients)) + len(open_now) == 12 and found, "an answer for all others")
        assert [c.response().status for c in clients if c.sock in told] == [503] * len(told)
        assert most[0] == 12 - len(told) and (most[0] == 3 or workers == 2)
        gate.set()
        assert [c.response().status for c in clients if c.sock not in told] == [200] * most[0]
        assert most[0] <= 3
        for c in clients:
            c.close()
    rows = [r for r in site.fairlead.log(12) if r["sc-status"] == "503"]
    assert {(r["sc-substatus"], r["x-end"]) for r in rows} == {("2", "too-busy")}


def readable(clients):
    """The sockets of those to which something has come."""
    return select.select([c.sock for c in clients], [], [], 0)[0]


# ---- a reload in the middle of it all

def test_a_reload_leaves_what_is_under_way_and_who_is_signed_in(publish):
    site = publish('sign-on = {ntlm}  directory "/later/" { }')
    live, slow, alice = site.connect(), site.connect(), site.connect()
    for c in (live, slow, alice):
        assert sign_in_to_site(c, "alice", "/who", HOST).status == 200
    assert live.ask(upgrade("/live", HOST)).status == 101
    assert json.loads(read_frame(live)[1])["user"] == "alice"
    n = 50 << 20
    slow.send(get(f"/download/{n}"))
    slow.until(b"\r\n\r\n")
    more = site.fairlead.pieces["more"]
    site.fairlead.write_settings(more=more.replace('"/later/" { }', '"/later/" { sign-on = {anonymous} }'))
    assert site.ask(get("/later/")).status == 401
    site.fairlead.reload()
    site.fairlead.wait_metric("reloads_total", lambda count: count == 1)
    assert who(site.ask(get("/later/")))["user"] == "-"
    converse(live)
    digest = hashlib.sha1()
    for _ in range(50):
        digest.update(slow.read(1 << 20))
    assert digest.hexdigest() == pattern(n)
    for c in (slow, alice):
        assert who(c.ask(get()))["user"] == "alice"
    for c in (live, slow, alice):
        c.close()


# ---- https to the application

@pytest.fixture
def secure_application(lab):
    folder = lab.folder(f"secure-application{lab.number('secure-application')}")
    key, certificate = make_certificate(folder, "app", "app.lab.test")
    application = Application(lab, key=key, cert=certificate)
    yield application, certificate
    application.process.end()


def test_an_application_over_https(publish, secure_application):
    application, certificate = secure_application
    site = publish(members=[f"https://127.0.0.1:{application.port}"], app=f'tls {{ ca = "{certificate}"  name = "app.lab.test" }}')
    with site.connect() as c:
        seen = who(sign_in_to_site(c, "alice", "/who", HOST))
        assert seen["user"] == "alice" and fields_of(seen, "X-Forwarded-Proto") == ["http"]
        assert upload(c, "/upload", 4 << 20, Memory(site), True)["user"] == "alice"
        assert c.ask(upgrade("/live", HOST)).status == 101
        assert json.loads(read_frame(c)[1])["user"] == "alice"
        converse(c)


@pytest.mark.parametrize("tls, why", [("", "self-signed"), ('ca = "{ca}"', "name")])
def test_a_certificate_that_is_not_the_applications_is_a_502(publish, secure_application, tls, why):
    application, certificate = secure_application
    site = publish("sign-on = {anonymous}", members=[f"https://127.0.0.1:{application.port}"],
                   app=f"tls {{ {tls.replace('{ca}', certificate)} }}" if tls else "")
    assert site.ask(get()).status == 502
    row = site.fairlead.log()[0]
    assert (row["sc-substatus"], row["x-end"]) == ("3", "tls-certificate"), row


def test_a_site_over_https_says_so_to_the_application(publish, lab, fairlead, accounts, application):
    folder = lab.folder(f"secure-site{lab.number('secure-site')}")
    key, certificate = make_certificate(folder, "site", HOST)
    site = publish(f'sign-on = {{ntlm}}  tls {{ certificate = "{certificate}"  key = "{key}" }}', scheme="https")
    answers = curl(site, ["/who", "/who"], "--ntlm", "-u", "alice:Secret1", "--cacert", certificate, scheme="https")
    for status, _, text in answers:
        seen = json.loads(text)
        assert status == 200 and seen["user"] == "alice"
        assert fields_of(seen, "X-Forwarded-Proto") == ["https"]
        assert fields_of(seen, "Forwarded")[0].startswith("for=127.0.0.1;proto=https;")


# ---- what the application says of itself

def test_addresses_of_the_application_become_the_sites(publish, application):
    site = publish("sign-on = {anonymous}")
    here = f"http://{HOST}:{site.port}"

    def ask(to, domain="127.0.0.1"):
        return site.ask(request(f"/moved?to={to}&domain={domain}", f"{HOST}:{site.port}"))

    for to in (f"http://127.0.0.1:{application.port}", here):
        answer = ask(to)
        assert answer.get("Location") == f"{here}/new?a=b" and answer.get("Content-Location") == f"{here}/content"
    # elsewhere is elsewhere; and an application may want its clients to use https
    for to in ("http://www.example", "http://127.0.0.1:1", f"https://{HOST}:{site.port}", ""):
        answer = ask(to)
        assert answer.get("Location") == f"{to}/new?a=b" and answer.get("Content-Location") == f"{to}/content"
    assert ask("").all("Set-Cookie") == ["session=1; Path=/; HttpOnly", "theme=dark; Path=/; SameSite=Lax"]
    assert ask("", ".127.0.0.1").all("Set-Cookie")[0] == "session=1; Path=/; HttpOnly"
    assert ask("", "lab.test").all("Set-Cookie")[0] == "session=1; Path=/; Domain=lab.test; HttpOnly"


# ---- who is in front of us

def forwarded_for(answer):
    return fields_of(who(answer), "X-Forwarded-For")


def test_x_forwarded_for_is_believed_of_intermediaries_alone(publish):
    stranger = publish('sign-on = {anonymous}')
    named = publish('sign-on = {anonymous}  intermediaries = {"127.0.0.1"}  directory "/near/" { clients = {"10.0.0.0/8"} }')
    chain = "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 10.1.2.3\r\n"
    for fields, wanted in (("X-Forwarded-For: 10.1.2.3\r\n", "10.1.2.3, 127.0.0.1"), (chain, "6.6.6.6, 10.1.2.3, 127.0.0.1"),
                           ("X-Forwarded-For: 6.6.6.6, 10.1.2.3\r\n", "6.6.6.6, 10.1.2.3, 127.0.0.1"), ("", "127.0.0.1")):
        assert forwarded_for(stranger.ask(get(fields=fields))) == ["127.0.0.1"]
        assert forwarded_for(named.ask(get(fields=fields))) == [wanted]
    # the address that counts is the one that the balancer added, not what its client wrote in front of it
    assert named.ask(get("/near/x", "X-Forwarded-For: 10.1.2.3\r\n")).status == 200
    assert named.ask(get("/near/x", chain)).status == 200
    assert named.ask(get("/near/x", "X-Forwarded-For: 10.1.2.3, 6.6.6.6\r\n")).status == 403
    assert named.ask(get("/near/x", "X-Forwarded-For: 10.1.2.3\r\nX-Forwarded-For: 6.6.6.6\r\n")).status == 403
    assert named.ask(get("/near/x")).status == 403
    for said, status in (("10.1.2.3:5555", 200), ("[2001:db8::1]:443", 403), ("[2001:db8::1]", 403), ("2001:db8::1", 403), ("unknown", 403),
                         ("10.1.2.3:x", 403), ("10.1.2.3, ", 403)):
        assert named.ask(get("/near/x", f"X-Forwarded-For: {said}\r\n")).status == status, said
    assert stranger.fairlead.log()[0]["c-ip"] == "127.0.0.1"
    assert [r["c-ip"] for r in named.fairlead.log(6)[:4]] == ["10.1.2.3"] * 3 + ["127.0.0.1"]


def test_a_balancer_that_ends_tls_is_believed_if_it_is_named(publish):
    for intermediaries, scheme in (("", "http"), ('intermediaries = {"127.0.0.1"}', "https")):
        site = publish(f"sign-on = {{anonymous}}  {intermediaries}")
        with site.connect() as c:
            seen = who(c.ask(get(fields="X-Forwarded-Proto: https\r\n")))
            assert fields_of(seen, "X-Forwarded-Proto") == [scheme]
            assert f";proto={scheme};" in fields_of(seen, "Forwarded")[0]
            assert fields_of(seen, "X-Forwarded-Port") == [str(site.port) if scheme == "http" else "443"]
            seen = who(c.ask(get(fields="X-Forwarded-Proto: https\r\nX-Forwarded-Port: 8443\r\n")))
            assert fields_of(seen, "X-Forwarded-Port") == [str(site.port) if scheme == "http" else "8443"]
            moved = c.ask(get(f"/moved?to=http://{HOST}", "X-Forwarded-Proto: https\r\n"))
            assert moved.get("Location") == f"{scheme}://{HOST}/new?a=b"
            assert fields_of(who(c.ask(get(fields="X-Forwarded-Proto: javascript\r\n"))), "X-Forwarded-Proto") == ["http"]


def test_a_site_at_an_address_of_ipv6(fairlead, application):
    port = free_port()
    fairlead(more=f"""site {HOST} {{ listen = {{"http://[::1]:{port}"}}  sign-on = {{anonymous}}  application = app }}
application app {{ member "http://127.0.0.1:{application.port}" {{ }} }}
""")
    with connect(port, host="::1") as c:
        seen = who(c.ask(get()))
        assert fields_of(seen, "X-Forwarded-For") == ["::1"]
        assert fields_of(seen, "Forwarded") == [f'for="[::1]";proto=http;host="{HOST}"']
        assert c.ask(request("/", f"[::1]:{port}")).status == 404


def test_sign_ins_of_users_behind_an_intermediary_are_kept_apart(publish):
    """One connection of a balancer that says who its client is: when he changes, the sign-in of the one before is not his."""
    site = publish('sign-on = {ntlm}  intermediaries = {"127.0.0.1"}')
    for first, second in (("X-Forwarded-For: 10.0.0.1\r\n", "X-Forwarded-For: 10.0.0.2\r\n"),
                          ("X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 10.0.0.1\r\n", "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 10.0.0.2\r\n")):
        with site.connect() as c:
            assert who(sign_in_to_site(c, "alice", "/who", HOST, fields=first))["user"] == "alice"
            assert who(c.ask(get(fields=first)))["user"] == "alice"
            assert c.ask(get(fields=second)).status == 401


def proxy_v2(source):
    body = socket.inet_aton(source) + socket.inet_aton("127.0.0.1") + struct.pack(">HH", 5555, 80)
    return b"\r\n\r\n\0\r\nQUIT\n" + b"\x21\x11" + struct.pack(">H", len(body)) + body


def test_the_proxy_protocol_says_whose_connection_it_is(publish):
    site = publish('sign-on = {ntlm}  proxy-protocol-from = {"127.0.0.1"}  directory "/near/" { clients = {"10.0.0.0/8"} }')
    for header in (b"PROXY TCP4 10.9.8.7 127.0.0.1 5555 80\r\n", proxy_v2("10.9.8.7")):
        with site.connect() as c:
            c.send(header)
            seen = who(sign_in_to_site(c, "alice", "/near/x", HOST))
            assert seen["user"] == "alice" and fields_of(seen, "X-Forwarded-For") == ["10.9.8.7"]
            assert 'for=10.9.8.7;' in fields_of(seen, "Forwarded")[0]
    with site.connect() as c:
        c.send(proxy_v2("192.0.2.1"))
        assert c.ask(get("/near/x")).status == 403
    with site.connect() as c:
        c.send(b"GET /who HTTP/1.1\r\nHost: x\r\n\r\n")
        assert c.closed(), "where it is expected it must come"
    plain = publish("sign-on = {anonymous}")
    assert plain.ask(b"PROXY TCP4 10.9.8.7 127.0.0.1 5555 80\r\n" + get().encode(), 5).status == 400
    assert {r["c-ip"] for r in site.fairlead.log(5)} >= {"10.9.8.7", "192.0.2.1"}


_HAPROXY = """defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend adds_a_line
  bind 127.0.0.1:{a}
  option forwardfor
  default_backend named
backend named
  server site 127.0.0.1:{named}
frontend sends_the_header
  bind 127.0.0.1:{b}
  default_backend header
backend header
  server site 127.0.0.1:{header} send-proxy-v2
"""


def test_a_haproxy_in_front(publish, lab):
    """It adds a line of X-Forwarded-For behind what its client wrote; or says whose connection it is by the PROXY protocol."""
    named = publish('sign-on = {ntlm}  intermediaries = {"127.0.0.1"}')
    header = publish('sign-on = {ntlm}  proxy-protocol-from = {"127.0.0.1"}')
    a, b = free_port(), free_port()
    file = lab.write(f"haproxy{a}.cfg", _HAPROXY.format(a=a, b=b, named=named.port, header=header.port))
    process = Process(lab, f"haproxy{a}", ["haproxy", "-db", "-f", file]).listening(b)
    try:
        for port, wanted in ((a, "6.6.6.6, 127.0.0.2, 127.0.0.1"), (b, "127.0.0.2")):
            for user in ("alice", "bob"):
                with socket.create_connection(("127.0.0.1", port), 10, source_address=("127.0.0.2", 0)) as sock:
                    c = Wire(sock)
                    # whoever says for whom he asks, and is no intermediary, has a sign-in for one request: not behind the PROXY header
                    forged = "X-Forwarded-For: 6.6.6.6\r\n" if port == a else ""
                    seen = who(sign_in_to_site(c, user, "/who", HOST, fields=forged))
                    assert seen["user"] == user and fields_of(seen, "X-Forwarded-For") == [wanted]
                    for _ in range(5):
                        assert who(c.ask(get(fields=forged)))["user"] == user
        assert {r["c-ip"] for site in (named, header) for r in site.fairlead.log(14)} == {"127.0.0.2"}
    finally:
        process.end()


def test_behind_the_proxy_protocol_the_announced_address_decides_who_is_an_intermediary(publish):
    """A balancer of connections may be named, too: its clients cannot say for whom they speak, unless they are named themselves."""
    site = publish('sign-on = {anonymous}  proxy-protocol-from = {"127.0.0.1"}  intermediaries = {"127.0.0.1", "10.0.0.5"}'
                   '  directory "/near/" { clients = {"10.1.0.0/16"} }')
    for source, wanted, status in (("192.0.2.1", "192.0.2.1", 403), ("10.0.0.5", "10.1.2.3, 10.0.0.5", 200)):
        with site.connect() as c:
            c.send(proxy_v2(source))
            assert fields_of(who(c.ask(get(fields="X-Forwarded-For: 10.1.2.3\r\n"))), "X-Forwarded-For") == [wanted]
            assert c.ask(get("/near/x", "X-Forwarded-For: 10.1.2.3\r\n")).status == status


def test_a_fairlead_in_front_of_a_fairlead(publish, fairlead, accounts):
    """The one in front signs in and its word is not believed behind it; or the one behind signs in through it."""
    inner = publish('sign-on = {ntlm}  intermediaries = {"127.0.0.1"}')
    outer = Site(fairlead, accounts, f"""site {HOST} {{ listen = {{"{{address}}"}}  sign-on = {{anonymous}}  application = inner }}
application inner {{ member "http://127.0.0.1:{inner.port}" {{ }} }}
""")
    for user in ("alice", "bob"):
        with outer.connect() as c:
            assert c.ask(get(fields="X-Remote-User: carol\r\n")).status == 401
            seen = who(sign_in_to_site(c, user, "/who", HOST, fields="X-Remote-User: carol\r\n"))
            assert seen["user"] == user and fields_of(seen, "X-Forwarded-For") == ["127.0.0.1, 127.0.0.1"]
            for _ in range(3):
                assert who(c.ask(get()))["user"] == user
            assert len(fields_of(seen, "Via")) >= 1
    with outer.connect() as c:
        assert c.ask(get()).status == 401


@pytest.mark.parametrize("hops", [1, 2])
def test_forward_proxies_in_front_of_a_site(publish, proxy_chain, hops):
    """Who comes through a Fairlead that is named signs in once a connection; through one that is not, once a request. Nobody is mixed up."""
    chain = proxy_chain(hops)
    for intermediaries, sign_ins in (('intermediaries = {"127.0.0.1"}', 2), ("", 10)):
        site = publish(f"sign-on = {{ntlm}}  {intermediaries}")
        urls = [f"http://{HOST}:{site.port}/{i}" for i in range(5)]
        for user in ("alice", "bob"):
            answers = through(chain[0].url, urls, "--ntlm", "-u", f"{user}:{PASSWORDS[user]}")
            assert [a.status for a in answers] == [200] * 5, answers
            assert {json.loads(a.body)["user"] for a in answers} == {user}
        assert site.fairlead.metric("sign_ins_total") == sign_ins


def test_a_site_that_leads_to_itself_ends(publish, fairlead, accounts):
    port = free_port()
    fairlead(more=f"""site {HOST} {{ listen = {{"http://127.0.0.1:{port}"}}  sign-on = {{anonymous}}  application = me }}
application me {{ member "http://127.0.0.1:{port}" {{ }} }}
""")
    with connect(port) as c:
        assert c.ask(get()).status == 502


# ---- many users at once

class Crowd:
    """Users with local accounts, each with a connection that signs in by NTLM; every answer must name its own user."""

    def __init__(self, lab, n):
        self.users = {f"user{i}": f"Secret-{i}" for i in range(n)}
        lines = "".join(f"{name}:enabled:{ntlm.md4(password.encode('utf-16le')).hex()}:-:group{i % 7}:20260101T000000Z\n"
                        for i, (name, password) in enumerate(self.users.items()))
        self.file = lab.write("crowd/accounts", lines, 0o600)
        self.right, self.wrong = 0, []

    async def _ask(self, stream, text):
        reader, writer = stream
        writer.write(text.encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(re.search(rb"(?i)content-length: (\d+)", head).group(1))
        return int(head.split(b" ")[1]), head.decode("latin-1"), await reader.readexactly(length)

    async def one(self, port, name, requests):
        stream = await asyncio.open_connection("127.0.0.1", port)
        _, head, _ = await self._ask(stream, get(fields=authorization("NTLM", ntlm.type1())))
        token = base64.b64decode(re.search("WWW-Authenticate: NTLM (\\S+)", head).group(1))
        fields = authorization("NTLM", ntlm.type3(token, name, self.users[name], ""))
        for turn in range(requests):
            status, head, body = await self._ask(stream, get(f"/{name}/{turn}", fields))
            fields = ""
            seen = json.loads(body) if status == 200 else {}
            if (status, seen.get("user"), seen.get("path")) == (200, name, f"/{name}/{turn}") and fields_of(seen, "X-Remote-User") == [name]:
                self.right += 1
            else:
                self.wrong.append((name, turn, status, seen.get("user"), body[:200]))
        stream[1].close()

    def run(self, port, requests):
        async def all_of_them():
            await asyncio.gather(*(self.one(port, name, requests) for name in self.users))
        asyncio.run(asyncio.wait_for(all_of_them(), 240))


@pytest.mark.slow
def test_five_hundred_users_at_once_and_each_is_told_apart_on_every_request(fairlead, lab, application):
    crowd, port = Crowd(lab, 500), free_port()
    proxy = fairlead(workers=2, more=f"""accounts local {{ file = "{crowd.file}" }}
site {HOST} {{ listen = {{"http://127.0.0.1:{port}"}}  accounts = {{local}}  sign-on = {{ntlm}}  application = app }}
application app {{ member "http://127.0.0.1:{application.port}" {{ }} }}
""")
    crowd.run(port, 20)
    assert not crowd.wrong and crowd.right == 500 * 20, crowd.wrong[:5]
    assert proxy.metric("sign_ins_total") == 500
    assert proxy.metric("server_connections_total") < 5000, "the application's connections are shared by all"
