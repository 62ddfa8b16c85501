"""Tricks against the rules of directories and the fields of identity: the tables of tests/wire, byte by byte, on real sites.

Whatever a row of a table says, these hold for every request that reaches the application: nothing protected without a name; the path that
it gets is the one whose rule decided, however leniently it is read; and each field that only we may say is there once, and ours."""

import itertools
import os
import random
import re
import unicodedata
import urllib.parse

import pytest

from lab.processes import wait_until
from lab.site import BELIEVED, OURS, Recorder, Site, cgi_name, local_accounts, request, sign_in_to_site
from lab.wire import Closed, ScriptedOrigin
from lab.wire_table import path_faults, rows, unescape

ALICE = {"x_remote_user": "alice", "x_remote_groups": "staff, Web Users"}


@pytest.fixture(scope="module")
def accounts(lab):
    return local_accounts(lab)


@pytest.fixture
def application():
    with Recorder() as recorder:
        yield recorder


@pytest.fixture
def publish(fairlead, accounts):
    return lambda blocks, **more: Site(fairlead, accounts, blocks, **more)


# ---- what every request that reaches the application must keep

def expect_ours_alone(seen, user, site):
    """No field that an application might believe but ours, once each."""
    fields = [(cgi_name(name), value) for name, value in seen.fields]
    believed = [name for name, _ in fields if BELIEVED.fullmatch(name)]
    allowed = [n for n in OURS if user or not n.startswith("x_remote")]
    assert sorted(believed) == sorted(allowed), seen.fields
    got, host = dict(fields), seen.get("Host")
    for name, value in ALICE.items():
        assert got.get(name) == (value if user else None), seen.fields
    assert (got["x_forwarded_for"], got["x_forwarded_proto"], got["x_forwarded_host"]) == ("127.0.0.1", "http", host)
    assert got["x_forwarded_port"] == str(site.port)
    assert got["forwarded"] == f'for=127.0.0.1;proto=http;host="{host}"'


def expect_one_message(seen):
    """Nothing that two programs could frame differently."""
    names = [name for name, _ in seen.fields]
    assert all("_" not in name and re.fullmatch(r"[!#-'*+.^`|~0-9A-Za-z-]+", name) for name in names), names
    assert [n.lower() for n in names].count("host") == 1
    assert len([n for n in names if n.lower() in ("content-length", "transfer-encoding")]) <= 1
    assert not [n for n in names if cgi_name(n) in ("proxy_authorization", "fairlead_exchange", "keep_alive")]


HABITS = list(itertools.product((False, True), repeat=5))


def fold(text):
    """As Windows and Java compare names, at their worst: compatibility forms, case, the dotless i and its friends."""
    return unicodedata.normalize("NFKC", text).casefold().replace("\u0131", "i").replace("\u0307", "")


def lenient(path, folds, cuts_parameters, cuts_dots, decodes_slashes, decodes_twice):
    """The path as an application may understand it that takes nothing too exactly."""
    out = []
    path = path.split("?")[0]
    if decodes_slashes:
        path = re.sub("%2[fF]", "/", path)
    for segment in path.split("/"):
        segment = segment.split(";")[0] if cuts_parameters else segment
        for _ in range(1 + decodes_twice):
            segment = urllib.parse.unquote(segment, errors="replace")
        segment = segment.split(";")[0] if cuts_parameters else segment
        segment = segment.rstrip(". ") if cuts_dots and segment.strip(".") else segment
        for piece in (fold(segment) if folds else segment).replace("\\", "/").split("/"):
            if piece == "..":
                out[-1:] = []
            elif piece not in ("", "."):
                out.append(piece)
    return "/" + "/".join(out) + "/"


def habits_that_find_protected(path, protected, open_below=()):
    found = []
    for habits in HABITS:
        understood = lenient(path, *habits)
        if any(understood.startswith(fold(p) if habits[0] else p) for p in protected) and \
                not any(understood.startswith(p) for p in open_below):
            found.append(habits)
    return found


def expect_nothing_protected(path, protected, open_below=()):
    found = habits_that_find_protected(path, protected, open_below)
    assert not found, (path, found[0], lenient(path, *found[0]))


# ---- paths

PROTECTED = ["/secure/", "/a/b/c/", "/kiosk/", "/Mixed-Case/", "/long-directory-name/", "/app.v2.1/"]
# Rows about directories that the settings do not take: they are of letters, digits and -._~ alone.
NOT_OURS = re.compile(r"^/My|(?i:my.?fil|my98ab)|%C3%96|%C3%B6|FFENT|path-decomposed|path-too-long|^/x~1/y$")
DIRECTORIES = {name: "".join(f'directory "{d}" {{ sign-on = {{{s}}} }}\n' for d, s in inside.items()) for name, inside in {
    # only what is named is protected, and only what is named is open
    "open": {"/public/": "anonymous", "/secure/open/": "anonymous", **{p: "ntlm" for p in PROTECTED}},
    "closed": {"/public/": "anonymous", "/secure/open/": "anonymous", **{p: "ntlm" for p in PROTECTED}},
}.items()}


def path_site(publish, application, kind, file="/dev/null"):
    top = "anonymous" if kind == "open" else "ntlm"
    sites = "".join(f"""site {host} {{
    listen = {{"{{address}}"}}
    accounts = {{local}}
    sign-on = {{{top}}}
    application = app
    log {{ file = "{file}" }}
    {slashes}
    {DIRECTORIES[kind]}
}}
""" for host, slashes in (("site.lab.test", ""), ("slashes.lab.test", "encoded-slashes = true")))
    return publish(sites + f'application app {{ member "http://127.0.0.1:{application.port}" {{ }} }}\n')


def path_rows():
    """(raw, host, normal form, directory or fault, handed on) of the rows that a request line can carry and these sites can say."""
    for section, columns in rows("paths.txt"):
        if any(NOT_OURS.search(c) for c in columns):
            continue
        raw = unescape(columns[0])
        if not raw.startswith(b"/") or re.search(rb"[^!-~]|[#?]", raw):
            continue
        columns += [""] * (4 - len(columns))
        normal, decides, handed = (unescape(c).decode("latin-1") for c in columns[1:])
        host = "slashes.lab.test" if section else "site.lab.test"
        yield raw.decode(), host, normal, decides or normal, handed or normal


def sent(site, application, wire_, text):
    """(answer or None, what reached the application)"""
    before = len(application.requests)
    try:
        answer = wire_.ask(text)
    except Closed:
        answer = None
    application.check()
    return answer, application.requests[before:]


@pytest.mark.parametrize("kind", ["open", "closed"])
def test_what_the_application_gets_is_what_decided(publish, application, kind):
    site, faults, tried = path_site(publish, application, kind), path_faults(), 0
    signed_in = {host: site.connect() for host in ("site.lab.test", "slashes.lab.test")}
    for host, c in signed_in.items():
        assert sign_in_to_site(c, "alice", "/secure/in", host).status == 200
    for raw, host, normal, decides, handed in path_rows():
        tried += 1
        with site.connect() as c:
            answer, reached = sent(site, application, c, request(raw, host))
        if decides in faults:
            assert (answer.status, reached) == (faults[decides][0], []), (raw, answer.start)
            continue
        is_open = decides in ("/public/", "/secure/open/") or (decides == "/" and kind == "open")
        if is_open:
            assert answer.status == 200 and [r.uri for r in reached] == [handed], (raw, answer.start, [r.uri for r in reached])
            expect_nothing_protected(reached[0].uri, PROTECTED, ["/secure/open/"])
            expect_ours_alone(reached[0], None, site)
        else:
            assert (answer.status, reached) == (401, []), (raw, answer.start, reached)
        # signed in, the same path gets there, with the name
        answer, reached = sent(site, application, signed_in[host], request(raw, host))
        assert answer.status == 200 and [r.uri for r in reached] == [handed], (raw, answer.start)
        # where sign-on is {anonymous} alone, nobody is asked who he is, and nobody is told
        expect_ours_alone(reached[0], None if is_open else "alice", site)
    assert tried >= 300, tried


def test_bytes_that_no_request_line_can_carry_get_nowhere(publish, application):
    site, tried = path_site(publish, application, "open"), 0
    for section, columns in rows("paths.txt"):
        raw = unescape(columns[0])
        if not re.search(rb"[^!-~]|#", raw) or len(raw) > 4000:
            continue
        tried += 1
        with site.connect() as c:
            answer, reached = sent(site, application, c, b"GET " + raw + b" HTTP/1.1\r\nHost: site.lab.test\r\n\r\n")
        assert answer.status == 400 and reached == [], (raw, answer.start, reached)
    assert tried >= 20


def site_log(file, lines):
    """The lines of a site's log, in the format of IIS, as dicts."""
    def read():
        text = open(file).read().split("\n")[:-1] if os.path.exists(file) else []
        names = next((line.split()[1:] for line in text if line.startswith("#Fields:")), [])
        found = [dict(zip(names, line.split(" "), strict=True)) for line in text if not line.startswith("#")]
        return found if len(found) >= lines else None
    return wait_until(read, f"{lines} lines in {file}")


def test_the_log_says_the_path_that_decided_and_faults_have_the_substatus_of_iis(publish, application, lab):
    file = f"{lab.folder('site-tricks')}/site.log"
    site, faults = path_site(publish, application, "open", file), path_faults()
    asked = [row for row in path_rows() if len(row[0]) < 200]
    with site.connect() as c:
        for raw, host, *_ in asked:
            c.ask(request(raw, host))
    for (raw, _, _, decides, handed), row in zip(asked, site_log(file, len(asked)), strict=True):
        if decides in faults:
            assert (int(row["sc-status"]), int(row["sc-substatus"])) == faults[decides], raw
        else:
            assert row["cs-uri-stem"] == handed, raw


PIECES = ["secure", "SECURE", "public", "open", "a", "b", "c", "kiosk", "Mixed-Case", "mixed-case", "long-directory-name", "LONGDI~1",
          "app.v2.1", "x", "..", ".", "...", "%2e", "%2E%2e", ".%2e", "/", "/", "/", "/", "//", "%2f", "%2F", "%5c", "\\", ";", ";x", ";x=/",
          "%3b", "%20", "%09", "%00", "%c0%af", "%c0%ae", "%25", "%252e", "%252f", "%u002e", "%EF%BC%8F", "%EF%BC%8E", "%E2%80%A5",
          "%C5%BFecure", "kios%E2%84%AA", "publ%C4%B1c", "%73ecure", "s%65cure", "%53ECURE", "%EF%BD%93ecure", "::$DATA", ":$i30:$INDEX_ALLOCATION",
          "(S(x))", "~", "%7E1", "+", "%2B", "?", "&", "=", "%3F", "%23", "%C2%A0", "%E3%80%80", "%EF%B8%8F", "%CC%88", "%AD", "%C2%AD", "%E2%80%8B"]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_path_thrown_together_at_random_reaches_what_is_protected(publish, application, seed):
    site, rng = path_site(publish, application, "open"), random.Random(seed)
    reached_in_all = would_fool = 0
    c = site.connect()
    for _ in range(2000):
        raw = "/" + "".join(rng.choices(PIECES, k=rng.randrange(1, 9)))
        found = habits_that_find_protected(raw, PROTECTED)
        would_fool += bool(found) and HABITS[0] not in found
        host = rng.choice(("site.lab.test", "slashes.lab.test"))
        answer, reached = sent(site, application, c, request(raw, host))
        assert answer.status in (200, 400, 401, 404), (raw, answer.start)
        assert len(reached) == (answer.status == 200), raw
        for seen in reached:
            reached_in_all += 1
            expect_nothing_protected(seen.uri, PROTECTED, ["/secure/open/"])
            expect_ours_alone(seen, None, site)
        if answer.closes:
            c = site.connect()
    assert reached_in_all > 100 and would_fool > 50, (reached_in_all, would_fool)


# ---- fields, hosts, methods, bodies

TWO_SITES = """site site.lab.test {
    listen = {"{address}"}
    accounts = {local}
    sign-on = {ntlm}
    application = app
    directory "/public/" { sign-on = {anonymous} }
}
site other.lab.test {
    listen = {"{address}"}
    accounts = {local}
    sign-on = {anonymous}
    application = app
    directory "/secure/" { sign-on = {ntlm} }
}
"""


@pytest.fixture
def two_sites(publish, application):
    return publish(TWO_SITES + f'application app {{ member "http://127.0.0.1:{application.port}" {{ }} }}\n')


class Result:
    """The last column of a row."""

    def __init__(self, text):
        status, *words = text.split(" ")
        self.statuses = status.split("!")
        self.own = "own" in words
        self.wants = [w.split("=", 1) for w in words if "=" in w]
        self.then = next((int(v) for k, v in self.wants if k == "then"), None)

    def check(self, seen):
        for key, value in self.wants:
            value = unescape(value)
            if key == "gone":
                assert cgi_name(value.decode()) not in [cgi_name(n) for n, _ in seen.fields], seen.fields
            elif key == "has":
                assert len(seen.all(value.decode())) == 1, seen.fields
            elif key != "then":
                got = {"path": lambda: seen.uri.encode(), "host": lambda: seen.get("Host").encode(),
                       "method": lambda: seen.method.encode(), "body": lambda: seen.body}[key]()
                assert got == value, (key, got)


def trick_rows():
    for _, columns in rows("site_tricks.txt"):
        if len(columns) > 4:  # alternatives of a result
            columns = columns[:3] + ["!".join(columns[3:])]
        name, who, text, result = columns
        for user in {"nobody": [None], "alice": ["alice"], "both": [None, "alice"]}[who]:
            path = "/secure/x" if user else "/public/x"
            data = unescape(text)
            if data.startswith(b"+"):
                data = f"GET {path} HTTP/1.1\r\nHost: site.lab.test\r\n".encode() + data[1:] + b"\r\n\r\n"
            yield f"{name}, {user or 'nobody'}", user, data, Result(result)


def status_of(c, data):
    method = data.split(b" ", 1)[0].decode("latin-1")
    try:
        return str(c.ask(data, "HEAD" if method == "HEAD" else "GET").status)
    except Closed:
        return "closed"


def play(site, application, user, data, result):
    with site.connect() as c:
        if user:
            assert sign_in_to_site(c, user, "/secure/in").status == 200
        before = len(application.requests)
        status = status_of(c, data)
        assert status in result.statuses, status
        if result.then:
            assert c.response().status == result.then
        reached = application.requests[before:]
        assert len(reached) == (1 if status == "200" and not result.own else 0), reached
        for seen, trailers in zip(reached, application.trailers[before:]):
            named = user if user and not seen.uri.startswith("/public/") else None
            expect_ours_alone(seen, named, site)
            expect_one_message(seen)
            assert not [n for n, _ in trailers if BELIEVED.fullmatch(cgi_name(n)) or "_" in n], trailers
            if not user and seen.get("Host").startswith("site"):
                assert seen.uri.startswith("/public/")
            if not user:
                expect_nothing_protected(seen.uri, ["/secure/"])
            result.check(seen)
        if status == "200" and not result.then:
            expect_in_step(c, application)


def expect_in_step(c, application):
    """What came before was one message to all: the next one is the next, or the connection is over."""
    try:
        assert c.ask(request("/public/sentinel")).status == 200
    except (Closed, OSError):
        return
    assert application.requests[-1].uri == "/public/sentinel"


def test_no_trick_with_fields_hosts_methods_or_bodies_works(two_sites, application):
    failures, tried = [], 0
    for name, user, data, result in trick_rows():
        tried += 1
        try:
            play(two_sites, application, user, data, result)
        except AssertionError as e:
            failures.append(f"{name}: {data[:200]!r}: {str(e)[:600]}")
    application.check()
    assert not failures, f"{len(failures)} of {tried}:\n" + "\n".join(failures[:20])
    assert tried >= 300, tried


# ---- the table of malformed messages, where a site is published

MESSAGES = """site a.test {
    listen = {"{address}"}
    sign-on = {anonymous}
    application = app
}
limits { field = 64KB }
"""


def messages(direction):
    for _, columns in rows("messages.txt"):
        name, way, role, text, result = columns
        if way == direction:
            yield name, role, unescape(text), result


def expected_of_request(data, result):
    """The statuses that a site may answer to a row of the table."""
    start = data.lstrip(b"\r\n").split(b"\r\n", 1)[0]
    if not result.startswith("ok"):
        return {"incomplete": {"closed", "408"}, "target-too-large": {"414"}, "head-too-large": {"431"}, "field-too-large": {"431"},
                "too-many-fields": {"431"}}.get(result, {"400", "501", "closed"} if start else {"closed"})
    if start.startswith((b"CONNECT ", b"TRACE ")):
        return {"405"}
    if start.startswith(b"OPTIONS *"):
        return {"200"}
    host = re.search(rb"(?i)^Host:[ \t]*([^\r\n]*?)[ \t]*\r$", data, re.MULTILINE)
    absolute = re.match(rb"\S+ (?i:[a-z]+)://([^/? ]*)", start)
    named = absolute.group(1) if absolute else host.group(1) if host else b""
    if absolute and not re.match(rb"\S+ (?i:https?)://", start):
        return {"400"}
    if re.fullmatch(rb"(?i)a\.test\.?(:\d+)?", named):
        return {"200", "400", "404"} if b"%zz" in start or b"\\" in start else {"200"}
    return {"404"}


def test_malformed_requests_do_not_reach_the_application(publish, application):
    site = publish(MESSAGES + f'application app {{ member "http://127.0.0.1:{application.port}" {{ }} }}\n')
    tried = 0
    for name, _, data, result in messages("request"):
        tried += 1
        before = len(application.requests)
        with site.connect() as c:
            try:
                c.send(data)
                if result == "incomplete" or "kind=none" not in result:
                    c.half_close()
                status = str(c.response("HEAD" if data.startswith(b"HEAD") else "GET").status)
            except (Closed, OSError):
                status = "closed"
        assert status in expected_of_request(data, result), (name, status, result)
        reached = len(application.requests) - before
        assert reached == 0 if status != "200" or b"OPTIONS *" in data else reached >= 1, (name, status, reached)
        for seen in application.requests[before:]:
            expect_one_message(seen)
    application.check()
    assert tried >= 250, tried


def test_malformed_answers_of_the_application_do_not_reach_the_client(publish):
    tried = 0
    table = [row for row in messages("response") if row[1] != "CONNECT" and "status=1" not in row[3]]
    script = []

    def answer(w):
        w.request()
        w.send(script[-1])

    with ScriptedOrigin(answer) as origin:
        site = publish(MESSAGES + f'application app {{ member "http://127.0.0.1:{origin.port}" {{ }} }}\n')
        for name, method, data, result in table:
            tried += 1
            script.append(data)
            with site.connect() as c:
                c.send(request("/", "a.test", method))
                try:
                    seen = c.response(method)
                    status = seen.status
                    body = b"" if method == "HEAD" else seen.body
                except (Closed, ValueError, AssertionError):
                    status = body = None
            wanted = re.search(r"status=(\d+)", result)
            if result.startswith("ok"):
                assert status == (int(wanted.group(1)) if wanted else int(data.split(b" ")[1][:3])), (name, status)
                assert seen.version == "HTTP/1.1" and seen.get("Transfer-Encoding") in (None, "chunked"), name
            else:
                # before the head: 502; in the body: cut, so that it cannot be taken for a whole one
                assert status in (502, None), (name, status, body)
        origin.check()
    assert tried >= 80, tried
