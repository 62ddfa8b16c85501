"""The log of a published site as readers of web servers' logs take it: GoAccess and AWStats, not a line rejected; and the lines that
support engineers know."""

import base64
import os
import re
import shutil
import signal

import ntlm
import pytest

from lab.curl import PASSWORDS
from lab.fairlead import Fairlead
from lab.log_readers import awstats, goaccess
from lab.processes import free_port, wait_until
from lab.proxy_signin import Accounts
from lab.signin import authorization
from lab.tables import messages, paths
from lab.wire import Closed, ScriptedOrigin, connect, ok, token68

HOST = "intranet.lab.test"
IIS = ("date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) sc-status sc-substatus "
       "sc-win32-status time-taken").split()
ODD_VALUES = [b"a b  c", b'"', b'"quoted \\"twice\\""', b"'", b"J\xc3\xb6rg \xe2\x82\xac \xf0\x9f\x98\x80", b"\xff\xfe\xc3", b"%20%00%zz", b"[a] (b) {c}",
              b"#", b"-", b"<script>", b"a\tb", b"x" * 2000, b"x" * 4096, b"x" * 4097, b"y" * 20000, b"\xc2\x85\xc2\x9b", b"%s%n", b"\\", b"a,b;c|d", b"+"]
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND", "MKCOL", "LOCK", "REPORT", "MERGE", "SEARCH",
           "RPC_IN_DATA", "FOO", "GETX", "get", "-", "#"]


def obliging(w):
    """An application that answers whatever it is asked."""
    while True:
        method = w.request().method
        w.send(ok() if method != "HEAD" else "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")


class Site:
    """A site with an open part and one that wants NTLM, and a log of its own; beside it a forward proxy with the same format."""

    def __init__(self, lab):
        self.port, self.lab = free_port(), lab
        self.log = f"{lab.folder('iislog' + str(lab.number('iislog')))}/site.log"
        self.application = ScriptedOrigin(obliging, seconds=30)
        accounts = Accounts(lab, alice=PASSWORDS["alice"])
        self.fairlead = Fairlead(lab, log_format="iis", timeouts="connect = 2s  head = 1s  idle = 60s", more=f"""
accounts local {{ file = "{accounts.file}" }}
application app {{ member "http://127.0.0.1:{self.application.port}" {{ }} }}
site "{HOST}" {{
    listen = {{"http://127.0.0.1:{self.port}"}}
    log {{ file = "{self.log}" }}
    accounts = {{local}}
    application = app
    directory "/" {{ sign-on = {{anonymous}} }}
    directory "/secure/" {{ sign-on = {{ntlm}} }}
}}
""")

    def send(self, data):
        """One request on a connection of its own; whatever comes is well."""
        with connect(self.port, 5) as c:
            try:
                c.send(data)
                c.half_close()
                c.rest()
            except (OSError, Closed):
                pass

    def get(self, path, fields=b"", method="GET"):
        path = path.encode() if isinstance(path, str) else path
        self.send(b"%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s\r\n" % (method.encode(), path, HOST.encode(), fields))

    def end(self):
        self.fairlead.stop()
        self.application.close()


def lines_of(file):
    with open(file, encoding="utf-8") as f:  # a line that is no UTF-8 ends the test here
        return f.read().split("\n")[:-1]


def rows_of(file):
    """Of each line that is no remark: field -> value. Each has as many values as its header has names."""
    names, rows = [], []
    for line in lines_of(file):
        if line.startswith("#Fields: "):
            names = line.split(" ")[1:]
        elif not line.startswith("#"):
            values = line.split(" ")
            assert len(values) == len(names), line
            rows.append(dict(zip(names, values)))
    return rows


@pytest.fixture(scope="module")
def logs(lab):
    """A day in the life of a site, and its log when all is over; the proxy's, too."""
    site = Site(lab)
    for value in ODD_VALUES:
        site.get("/agent", b"User-Agent: " + value + b"\r\n")
        site.get("/referer", b"Referer: http://x/" + value + b"?q=" + value + b"\r\n")
        site.get(b"/path/" + value.replace(b" ", b"%20").replace(b"\t", b"%09") + b"?" + value.replace(b" ", b"+").replace(b"\t", b""))
    for method in METHODS:
        site.get("/method", b"Content-Length: 0\r\n", method)
    for text, _, raw, _ in paths():
        if not re.search(rb"[\x00-\x20\x7f]", raw):
            site.get(raw)
            site.get(b"/x?" + raw)
    for name, direction, _, data, _ in messages():
        if direction == "request" and len(data) < 100000:
            site.send(data)
            site.send(data.replace(b"http://a.test", b"").replace(b"a.test", HOST.encode()))
            with connect(site.fairlead.port, 5) as c:
                try:
                    c.send(data)
                    c.half_close()
                    c.rest()
                except (OSError, Closed):
                    pass
    site.end()
    return site


def counted(file):
    return [line for line in lines_of(file) if not line.startswith("#")]


@pytest.mark.parametrize("which", ["site", "proxy"])
@pytest.mark.parametrize("reader", [goaccess, awstats], ids=["goaccess", "awstats"])
def test_not_a_line_is_rejected(lab, logs, reader, which):
    file = logs.log if which == "site" else logs.fairlead.access_file
    ours = counted(file)
    assert len(ours) > (1000 if which == "site" else 100)
    reading = reader(lab, file)
    assert reading.rejected == []
    assert reading.taken + len(reading.left_out) == len(ours)
    assert set(reading.left_out) <= {"PATCH", "TRACE", "CONNECT"}, "AWStats does not count these; all else it must"


@pytest.mark.parametrize("reader, mistake", [(goaccess, "a blank in a value"), (goaccess, "a line in two"), (goaccess, "no address"),
                                             (awstats, "a line in two"), (awstats, "no address")])
def test_a_broken_line_would_be_noticed(lab, logs, reader, mistake):
    broken = counted(logs.log)[7]
    values = broken.split(" ")
    if mistake == "a blank in a value":
        values[9:10] = ["Mozilla/5.0", "(X11)", "Gecko"]
        broken = " ".join(values)
    elif mistake == "a line in two":
        broken = " ".join(values[:6]) + "\n" + " ".join(values[6:])
    else:
        broken = " ".join(values[:8] + values[9:])
    file = logs.log + ".broken"
    shutil.copy(logs.log, file)
    with open(file, "a") as f:
        f.write(broken + "\n")
    assert reader(lab, file).rejected != []


def test_a_line_begins_as_those_of_iis_and_tells_what_happened(logs):
    row = next(r for r in rows_of(logs.log) if r["cs-uri-stem"] == "/agent" and r["cs(User-Agent)"] == "a+b++c")
    assert list(row)[:len(IIS)] == IIS
    assert (row["s-ip"], row["s-port"], row["c-ip"]) == ("127.0.0.1", str(logs.port), "127.0.0.1")
    assert (row["cs-method"], row["cs-uri-query"], row["cs-username"], row["cs(Referer)"]) == ("GET", "-", "-", "-")
    assert (row["sc-status"], row["sc-substatus"], row["sc-win32-status"]) == ("200", "0", "0")
    assert (row["x-host"], row["x-hop"]) == (HOST, "app")


def test_values_are_those_that_were_sent(logs):
    agents = [r["cs(User-Agent)"] for r in rows_of(logs.log) if r["cs-uri-stem"] == "/agent"]
    expected = {"a+b++c", '"', '"quoted+\\"twice\\""', "J\u00f6rg+\u20ac+\U0001f600", "x" * 2000, "...", "a+b", "%20%00%zz", "++"}
    assert expected <= set(agents)
    assert agents.count("...") == 3
    queries = [r["cs-uri-query"] for r in rows_of(logs.log) if r["cs-uri-stem"] == "/x"]
    assert len(queries) > 300 and "/public/%2e%2e/secure/x" in queries, "a query stays as sent"


def test_the_path_is_the_one_that_rules_see_and_refusals_have_their_substatus(logs):
    rows = rows_of(logs.log)
    seen = {r["cs-uri-stem"]: r for r in rows}
    assert seen["/public/x"]["sc-status"] == "200"
    statuses = {(r["sc-status"], r["sc-substatus"]) for r in rows}
    assert {("400", "0"), ("404", "5"), ("404", "11"), ("404", "12"), ("401", "2")} <= statuses
    assert not any("/../" in r["cs-uri-stem"] for r in rows if r["sc-status"] == "200")


def test_what_was_no_request_is_a_remark(logs):
    remarks = [line.split("\t") for line in lines_of(logs.log) + lines_of(logs.fairlead.access_file) if line.startswith("#Remark: ")]
    methods = {r[3] for r in remarks}
    assert {"-", "FOO", "SEARCH", "GETX", "get"} <= methods
    assert any(word.startswith("request-malformed") for r in remarks for word in r)
    assert not methods & {"GET", "POST", "PROPFIND", "PATCH"}


@pytest.fixture
def site(lab):
    site = Site(lab)
    yield site
    site.end()


def test_a_sign_in_is_401_2_then_401_1_then_200_with_the_name(site):
    def request(fields=""):
        return f"GET /secure/page HTTP/1.1\r\nHost: {HOST}\r\n{fields}\r\n"

    with connect(site.port) as c:
        assert c.ask(request()).status == 401
        challenge = c.ask(request(authorization("NTLM", ntlm.type1())))
        assert challenge.status == 401
        token = ntlm.type3(base64.b64decode(token68(challenge.get("WWW-Authenticate"), "NTLM")), "alice", PASSWORDS["alice"], "")
        assert c.ask(request(authorization("NTLM", token))).status == 200
        assert c.ask(request()).status == 200
    rows = wait_until(lambda: (found := rows_of(site.log)) and len(found) == 4 and found, "four lines")
    assert [(r["sc-status"], r["sc-substatus"]) for r in rows] == [("401", "2"), ("401", "1"), ("200", "0"), ("200", "0")]
    assert [r["sc-win32-status"] for r in rows] == ["5", "2148074254", "0", "0"]
    assert [r["cs-username"] for r in rows] == ["-", "-", "alice", "alice"], "a local account has no domain"
    assert [r["x-proxy-leg"] for r in rows] == ["-", "ntlm-1", "ntlm-3", "-"]
    assert len({r["x-client-connection"] for r in rows}) == 1
    assert [r["x-request"] for r in rows] == ["1", "2", "3", "4"]


def test_the_header_stands_at_every_start_and_reopening(site):
    def headers(file):
        return [line for line in lines_of(file) if line.startswith("#")]

    site.get("/before")
    wait_until(lambda: len(rows_of(site.log)) == 1, "a line")
    os.rename(site.log, site.log + ".1")
    site.fairlead.process.signal(signal.SIGUSR1)
    wait_until(lambda: os.path.exists(site.log) and len(headers(site.log)) == 4, "a new log")
    assert [line.split(" ")[0] for line in headers(site.log)] == ["#Software:", "#Version:", "#Date:", "#Fields:"]
    site.get("/after")
    assert wait_until(lambda: rows_of(site.log), "a line")[0]["cs-uri-stem"] == "/after"
    site.fairlead.process.signal(signal.SIGUSR1)
    wait_until(lambda: len(headers(site.log)) == 8, "a second header")
    assert goaccess(site.lab, site.log).rejected == []
    assert awstats(site.lab, site.log).taken == 1
