"""Every path trick of tests/wire/paths.txt, over the wire: which directory's application gets it and as what; and that none gets past the
rule of a directory to what lies there, with real servers behind and with an application that has every lenient habit."""

import re
import subprocess
import unicodedata
import urllib.parse

import pytest

from lab.fairlead import Fairlead
from lab.processes import Process, accepts, free_port
from lab.tables import paths
from lab.wire import Closed, ScriptedOrigin, connect, ok

HOSTS = ["refusing.lab.test", "keeping.lab.test"]  # encoded slashes
PREFIXES = ["/", "/public/", "/secure/", "/secure/open/", "/a/b/c/", "/kiosk/", "/Mixed-Case/", "/long-directory-name/", "/My%20Files/",
            "/app.v2.1/", "/%C3%96ffentlich/"]
STATUS = {"path-above-root": (400, 0), "path-control-byte": (400, 0), "path-percent": (400, 0), "path-percent-u": (400, 0),
          "path-utf-8": (400, 0), "path-form": (400, 0), "path-double-escape": (404, 11), "path-lookalike": (404, 12),
          "path-decomposed": (404, 12)}  # all others: 404.5
REFUSED_BY_THE_PARSER = re.compile(rb"[\x00-\x20\x7f-\xff#]")  # no request target holds these


def tricks():
    """(text, encoded slashes kept?, bytes, fault or None, directory, path handed on) of those that are a path on the wire."""
    found = []
    for text, kept, raw, columns in paths():
        fault = next((c for c in columns if c.startswith("path-")), None)
        if b"?" in raw or fault == "path-too-long":
            continue
        found.append((text, kept, raw, fault, columns[1] if not fault else None, columns[-1] if len(columns) > 2 else columns[0]))
    return found


def plain(column):
    """The table's repetitions, written out."""
    while "\\*" in column:
        column = re.sub(r"\\\*(\d+)\{([^{}]*)\}", lambda m: m[2] * int(m[1]), column)
    return column


def ask(port, raw, kept=False):
    with connect(port, 5) as c:
        return c.ask(b"GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % (raw, HOSTS[kept].encode()), "GET")


class Directories:
    """Two sites, of which one keeps encoded slashes; each directory has an application of its own that says what it was asked for."""

    def __init__(self, lab):
        def telling(prefix):
            def script(w):
                while True:
                    w.send(ok(f"{prefix} {w.request().uri}"))
            return script

        self.origins = [ScriptedOrigin(telling(prefix), seconds=60) for prefix in PREFIXES]
        self.ports, self.logs, more = {}, {}, ""
        for i, origin in enumerate(self.origins):
            more += f'application app{i} {{ member "http://127.0.0.1:{origin.port}" {{ }} }}\n'
        directories = "\n".join(f'directory "{prefix}" {{ application = app{i} }}' for i, prefix in enumerate(PREFIXES))
        for kept in (False, True):
            self.ports[kept] = free_port()
            self.logs[kept] = f"{lab.folder('paths' + str(lab.number('paths')))}/site.log"
            more += f"""site "{HOSTS[kept]}" {{
    listen = {{"http://127.0.0.1:{self.ports[kept]}"}}
    sign-on = {{anonymous}}
    encoded-slashes = {"true" if kept else "false"}
    log {{ file = "{self.logs[kept]}" }}
    {directories}
}}
"""
        self.fairlead = Fairlead(lab, more=more)

    def end(self):
        self.fairlead.stop()
        for origin in self.origins:
            origin.close()


@pytest.fixture(scope="module")
def answers(lab):
    """Of each trick: what the client got, as (status, body) or None for a connection closed. Its number is its query, so that its line
    in the log is known."""
    site = Directories(lab)
    found = []
    for n, (_, kept, raw, *_) in enumerate(tricks()):
        try:
            answer = ask(site.ports[kept], raw + b"?n=%d" % n, kept)
            found.append((answer.status, answer.body.decode(errors="replace")))
        except Closed:
            found.append(None)
    site.end()
    return found, site


def test_each_trick_reaches_the_application_of_its_directory_in_its_normal_form_or_none(answers):
    wrong, passed, refused = [], 0, 0
    for n, ((text, _, raw, fault, directory, path), answer) in enumerate(zip(tricks(), answers[0])):
        if REFUSED_BY_THE_PARSER.search(raw) or not raw.startswith(b"/"):
            expected = answer and answer[0] in (400, 404, 421)
            refused += 1
        elif fault:
            expected = answer and answer[0] == STATUS.get(fault, (404, 5))[0]
            refused += 1
        else:
            expected = answer == (200, f"{directory} {plain(path)}?n={n}")
            passed += 1
        if not expected:
            wrong.append((text, fault, directory, path, answer and (answer[0], answer[1][:200])))
    assert wrong == []
    assert passed >= 180 and refused >= 180


def test_the_log_has_the_same_path_and_the_substatus_of_the_fault(answers):
    site, rows, wrong = answers[1], {}, []
    for kept in (False, True):
        with open(site.logs[kept], encoding="utf-8") as f:
            for line in f:
                values = line.split(" ")
                if not line.startswith("#") and values[5].startswith("n="):
                    rows[int(values[5][2:])] = (values[4], int(values[11]), int(values[12]))
    for n, (text, _, raw, fault, _, path) in enumerate(tricks()):
        if REFUSED_BY_THE_PARSER.search(raw) or not raw.startswith(b"/"):
            continue
        stem, *status = rows[n]
        path = plain(raw.decode() if fault else path)
        path = path[:-1] + "%5C" if path.endswith("\\") else path
        if tuple(status) != (STATUS.get(fault, (404, 5)) if fault else (200, 0)) or stem not in (path, "..."):
            wrong.append((text, fault, path, rows[n]))
    assert wrong == [] and len(rows) > 400


# ---- What lies behind a rule

_APACHE = """ServerRoot {d}
PidFile {d}/httpd.pid
ServerName app.lab.test
Mutex file:{d} default
Listen 127.0.0.1:{port}
ErrorLog {d}/error.log
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule speling_module /usr/lib/apache2/modules/mod_speling.so
User nobody
Group nogroup
AllowEncodedSlashes On
DocumentRoot {d}/root
<Directory {d}/root>
  Require all granted
  CheckSpelling On
</Directory>
"""
_NGINX = """worker_processes 1;
daemon off;
pid {d}/nginx.pid;
error_log {d}/error.log;
events {{ }}
http {{
  access_log off;
  client_body_temp_path {d}/t1; proxy_temp_path {d}/t2; fastcgi_temp_path {d}/t3; uwsgi_temp_path {d}/t4; scgi_temp_path {d}/t5;
  server {{ listen 127.0.0.1:{port}; root {d}/root; }}
}}
"""


def server(lab, kind):
    """(port, process): a real web server over a folder in which /secure/x is secret."""
    d, port = lab.folder(f"{kind}{lab.number(kind)}"), free_port()
    for name, text in (("public/x", "open"), ("secure/x", "SECRET"), ("secure/y", "SECRET"), ("x", "open")):
        lab.write(f"{d[len(lab.directory) + 1:]}/root/{name}", text)
    subprocess.run(["chmod", "-R", "a+rX", d], check=True)
    settings = f"{d}/server.conf"
    with open(settings, "w") as f:
        f.write({"apache": _APACHE, "nginx": _NGINX}[kind].format(d=d, port=port))
    argv = {"apache": ["/usr/sbin/apache2", "-DFOREGROUND", "-f", settings], "nginx": ["/usr/sbin/nginx", "-e", f"{d}/error.log", "-c", settings]}
    process = Process(lab, f"{kind}-paths{port}", argv[kind])
    process.wait_for(lambda: accepts(port), kind)
    return port, process


def lenient(w):
    """Decodes first, takes %2F, backslashes and what looks like them for slashes, folds case and compatibility forms, cuts parameters, and
    dots and blanks at the end of names: what Windows, Tomcat and others do, at once."""
    while True:
        path = urllib.parse.unquote(w.request().uri.split("?")[0])
        path = unicodedata.normalize("NFKC", path).replace("\\", "/").casefold()
        names = []
        for name in path.split("/"):
            name = name.split(";")[0]
            name = name if name in (".", "..") else name.rstrip(". ")
            if name == "..":
                names = names[:-1]
            elif name not in ("", "."):
                names.append(name.split(":")[0])
        w.send(ok("SECRET" if names[:1] == ["secure"] else "open"))


@pytest.mark.parametrize("kind", ["apache", "nginx", "lenient"])
@pytest.mark.parametrize("kept", [False, True], ids=["slashes refused", "slashes kept"])
def test_no_trick_gets_past_the_rule_of_a_directory(lab, fairlead, kind, kept):
    origin = ScriptedOrigin(lenient, seconds=60) if kind == "lenient" else None
    port, process = (origin.port, None) if origin else server(lab, kind)
    site = free_port()
    fairlead(more=f"""application app {{ member "http://127.0.0.1:{port}" {{ }} }}
site "{HOSTS[kept]}" {{
    listen = {{"http://127.0.0.1:{site}"}}
    application = app
    encoded-slashes = {"true" if kept else "false"}
    accounts = {{local}}
    directory "/"        {{ sign-on = {{anonymous}} }}
    directory "/secure/" {{ sign-on = {{ntlm}} }}
}}
accounts local {{ file = "{lab.write(f'noaccounts{port}', '')}" }}
""")
    leaks, opened, challenged, told = [], 0, 0, 0
    for text, _, raw, _, _, _ in tricks():
        for where in {raw, raw.replace(b"/secure/open", b"/secure"), raw.replace(b"/x", b"/y")}:
            try:
                answer = ask(site, where, kept)
            except Closed:
                continue
            if b"SECRET" in answer.body:
                leaks.append((text, where[:200]))
            opened += answer.status == 200
            challenged += answer.status == 401
            told += b"SECRET" in ask(port, where).body if kind == "lenient" and not REFUSED_BY_THE_PARSER.search(where) else 0
    assert leaks == []
    assert opened >= 5 and challenged > 50, "some are let through, and some are asked who they are"
    if kind == "lenient":
        assert told > 150, "without the gateway the tricks do reach what is secret"
        origin.close()
    else:
        process.end()
