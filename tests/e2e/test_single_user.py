"""`fairlead serve --parent`: one developer behind a proxy that demands NTLM, with the programs that cannot sign in."""

import base64
import hashlib
import io
import json
import os
import pty
import re
import subprocess
import tarfile
import threading
import time
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

import ntlm
from lab import echo
from lab.curl import PASSWORDS, curl
from lab.fairlead import BINARY, absolute
from lab.kdc import Kdc
from lab.names import hosts_file
from lab.processes import Process, free_port, wait_until
from lab.single_user import CorporateProxy, SingleUser, wait_rows

ALICE = ("--account", "LAB\\alice")
NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--"]


@pytest.fixture(scope="module")
def parent(lab):
    return lab.part(CorporateProxy)


@pytest.fixture(scope="module")
def origin(lab):
    return lab.part(echo.Echo)


@pytest.fixture(scope="module")
def proxy(lab, parent):
    """Alice's, with her password, for all tests that only look through it."""
    with SingleUser(lab, parent.address, *ALICE, password=PASSWORDS["alice"] + "\n") as started:
        yield started


# ---- a folder of packages, as a registry serves them

def _npm_package(folder, base):
    files = {"package/package.json": json.dumps({"name": "tiny", "version": "1.0.0", "main": "index.js"}),
             "package/index.js": "module.exports = 42;\n"}
    with tarfile.open(f"{folder}/tiny-1.0.0.tgz", "w:gz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
    with open(f"{folder}/tiny-1.0.0.tgz", "rb") as f:
        digest = base64.b64encode(hashlib.sha512(f.read()).digest()).decode()
    with open(f"{folder}/tiny", "w") as f:
        json.dump({"name": "tiny", "dist-tags": {"latest": "1.0.0"},
                   "versions": {"1.0.0": {"name": "tiny", "version": "1.0.0",
                                          "dist": {"tarball": f"{base}/tiny-1.0.0.tgz", "integrity": f"sha512-{digest}"}}}}, f)


def _wheel(folder):
    os.makedirs(f"{folder}/simple/tinywheel")
    name = "tinywheel-1.0-py3-none-any.whl"
    with zipfile.ZipFile(f"{folder}/simple/tinywheel/{name}", "w") as z:
        z.writestr("tinywheel.py", "answer = 42\n")
        z.writestr("tinywheel-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tinywheel\nVersion: 1.0\n")
        z.writestr("tinywheel-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        z.writestr("tinywheel-1.0.dist-info/RECORD", "")
    with open(f"{folder}/simple/tinywheel/index.html", "w") as f:
        f.write(f'<a href="{name}">{name}</a>')


def _repository(folder):
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@lab.test", "-c", "init.defaultBranch=main"]
    subprocess.run([*git, "init", "-q", f"{folder}/made"], check=True)
    with open(f"{folder}/made/file", "w") as f:
        f.write("forty-two\n")
    subprocess.run([*git, "-C", f"{folder}/made", "add", "file"], check=True)
    subprocess.run([*git, "-C", f"{folder}/made", "commit", "-q", "-m", "one"], check=True)
    subprocess.run([*git, "clone", "-q", "--bare", f"{folder}/made", f"{folder}/tiny.git"], check=True)
    subprocess.run([*git, "-C", f"{folder}/tiny.git", "update-server-info"], check=True)


class _Quiet(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def registry(lab):
    """http://site1.lab.test:PORT: known to the corporate proxy alone."""
    folder = lab.folder("registry")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=folder))
    base = f"http://site1.lab.test:{server.server_address[1]}"
    _npm_package(folder, base)
    _wheel(folder)
    _repository(folder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield base
    server.shutdown()


@pytest.fixture
def home(tmp_path):
    """A user's home, and an environment that knows nothing of any proxy."""
    clean = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy") and not k.startswith(("npm_", "PIP_"))}
    wrapper = tmp_path / "bin" / "pip"
    wrapper.parent.mkdir()
    wrapper.write_text('#!/bin/sh\nexec /usr/bin/python3 -m pip "$@"\n')
    wrapper.chmod(0o755)
    return {**clean, "HOME": str(tmp_path), "PATH": f"{wrapper.parent}:{os.environ['PATH']}", "XDG_CONFIG_HOME": f"{tmp_path}/.config"}


def run(text, env, cwd=None):
    done = subprocess.run(["sh", "-ec", text], env=env, cwd=cwd or env["HOME"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def came_as(parent, mark, user, at_least=1):
    """All that the parent let through since then was this user's."""
    rows = [r for r in wait_rows(parent, mark, at_least) if r["status"] in ("200", "304")]
    assert rows and {r["user"].replace("%5C", "\\") for r in rows} == {f"LAB\\{user}"}, rows
    return rows


# ---- programs, by the lines that it prints

def test_curl_gets_and_posts_and_tunnels(lab, proxy, parent, origin):
    mark, site = parent.mark(), f"http://site1.lab.test:{origin.port}/"
    answers = curl(proxy.url, [site] * 5) + curl(proxy.url, site, "--data-binary", "@" + lab.write("upload", "x" * 300_000)) + curl(proxy.url, site, "-p")
    assert [a.status for a in answers] == [200] * 7
    assert answers[5].words["length"] == "300000"
    came_as(parent, mark, "alice", 7)


def test_the_environment(proxy, parent, origin, home):
    mark = parent.mark()
    said = run(f"{proxy.lines('Programs that read the environment')}\ncurl -sS http://site1.lab.test:{origin.port}/", home)
    assert "method=GET" in said
    came_as(parent, mark, "alice")


def test_curl_by_its_file(proxy, parent, origin, home):
    with open(f"{home['HOME']}/.curlrc", "w") as f:
        f.write(proxy.lines("curl"))
    assert "method=GET" in run(f"curl -sS http://site1.lab.test:{origin.port}/", home)


def test_git_clones(proxy, parent, registry, home):
    mark = parent.mark()
    run(f"{proxy.lines('git')}\ngit clone -q {registry}/tiny.git here", home)
    with open(f"{home['HOME']}/here/file") as f:
        assert f.read() == "forty-two\n"
    came_as(parent, mark, "alice", 3)


def test_npm_installs(proxy, parent, registry, home):
    mark = parent.mark()
    said = run(f"{proxy.lines('npm')}\nnpm install --no-audit --no-fund --no-update-notifier --registry {registry}/ tiny >&2\nnode -p 'require(\"tiny\")'", home)
    assert said == "42\n"
    came_as(parent, mark, "alice", 2)


def test_pip_installs(proxy, parent, registry, home):
    mark = parent.mark()
    run(f"{proxy.lines('pip')}\npip install -q --no-deps --target there --index-url {registry}/simple --trusted-host site1.lab.test tinywheel",
        home)
    with open(f"{home['HOME']}/there/tinywheel.py") as f:
        assert "answer = 42" in f.read()
    came_as(parent, mark, "alice", 2)


def test_apt_downloads(proxy, parent, registry, home):
    mark, config = parent.mark(), f"{home['HOME']}/apt.conf"
    with open(config, "w") as f:
        f.write(proxy.lines("apt"))
    run(f"/usr/lib/apt/apt-helper download-file {registry}/tiny got", {**home, "APT_CONFIG": config})
    with open(f"{home['HOME']}/got") as f:
        assert json.load(f)["name"] == "tiny"
    came_as(parent, mark, "alice")


def test_docker_gets_json(proxy):
    daemon = json.loads(proxy.lines("docker pull"))["proxies"]
    assert daemon == {"http-proxy": proxy.url, "https-proxy": proxy.url, "no-proxy": "localhost,127.0.0.1,::1"}
    containers = re.search(r'^\{"proxies": \{"default".*$', proxy.printed(), re.MULTILINE).group(0)
    assert json.loads(containers)["proxies"]["default"]["httpProxy"] == f"http://172.17.0.1:{proxy.port}"


# ---- whom it serves

def refused(answer):
    return answer.status == 403 and "belongs to another user" in answer.body


def test_another_user_gets_a_403_that_says_so(proxy, parent, origin):
    mark = parent.mark()
    assert refused(curl(proxy.url, f"http://site1.lab.test:{origin.port}/", prefix=NOBODY)[0])
    tunnel = curl(proxy.url, f"http://site1.lab.test:{origin.port}/", "-p", prefix=NOBODY)[0]
    assert tunnel.status == 0 and "403" in tunnel.error
    time.sleep(0.2)
    assert parent.rows(mark) == []


def test_another_user_does_not_pass_by_closing_at_once(proxy, parent, origin):
    """A closed socket is shown as root's."""
    mark = parent.mark()
    script = ("import os, socket, sys\n"
              "os.setuid(65534)\n"
              "for i in range(50):\n"
              "    s = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\n"
              "    s.sendall(sys.argv[2].encode())\n"
              "    s.close()\n")
    subprocess.run(["/usr/bin/python3", "-c", script, str(proxy.port), absolute(f"site1.lab.test:{origin.port}")], check=True)
    assert curl(proxy.url, f"http://site1.lab.test:{origin.port}/mine")[0].status == 200
    rows = wait_rows(parent, mark, 1)
    assert {r["url"] for r in rows if r["method"] == "GET"} == {f"http://site1.lab.test:{origin.port}/mine"}


def test_root_is_served_and_the_user_himself_where_he_is_not_root(lab, parent, origin):
    folder = lab.folder("of-nobody")
    os.chown(folder, 65534, 65534)
    with SingleUser(lab, parent.address, *ALICE, password=PASSWORDS["alice"] + "\n", prefix=NOBODY) as started:
        site = f"http://site1.lab.test:{origin.port}/"
        assert curl(started.url, site, prefix=NOBODY)[0].status == 200
        assert curl(started.url, site)[0].status == 200
        assert refused(curl(started.url, site, prefix=["setpriv", "--reuid", "1", "--clear-groups", "--"])[0])


def test_clients_lets_others_in(lab, parent, origin):
    with SingleUser(lab, parent.address, *ALICE, "--clients", "127.0.0.0/8", password=PASSWORDS["alice"] + "\n") as started:
        assert curl(started.url, f"http://site1.lab.test:{origin.port}/", prefix=NOBODY)[0].status == 200
        assert "serves processes of" not in started.printed() and "Sandbox" not in started.printed()


# ---- where it goes

def test_loopback_is_closed_but_for_direct(lab, parent, origin, proxy):
    here = f"http://127.0.0.1:{origin.port}/"
    assert curl(proxy.url, here)[0].status == 403
    with SingleUser(lab, parent.address, *ALICE, "--direct", "127.0.0.1", "--direct", "*.corp.example", "--direct", "10.0.0.0/8",
                    password=PASSWORDS["alice"] + "\n") as started:
        mark = parent.mark()
        assert curl(started.url, here)[0].status == 200
        assert parent.rows(mark) == []
        assert "no_proxy=localhost,127.0.0.1,::1,corp.example\n" in started.printed()
        assert "10.0.0.0/8: Fairlead sends them direct itself" in started.printed()


def test_the_second_parent_is_a_backup(lab, parent, origin):
    with SingleUser(lab, f"127.0.0.1:{free_port()}", "--parent", f"http://{parent.address}/", *ALICE,
                    password=PASSWORDS["alice"] + "\n") as started:
        assert curl(started.url, f"http://site1.lab.test:{origin.port}/")[0].status == 200


# ---- secrets

def test_a_hash_instead_of_the_password(lab, parent, origin):
    path = lab.write("alice.hash", ntlm.md4(PASSWORDS["alice"].encode("utf-16le")).hex() + "\n", 0o600)
    with SingleUser(lab, parent.address, *ALICE, "--nt-hash-file", path) as started:
        mark = parent.mark()
        assert curl(started.url, f"http://site1.lab.test:{origin.port}/")[0].status == 200
        came_as(parent, mark, "alice")


def test_the_password_is_nowhere_to_be_read_and_survives_a_reload(lab, parent, origin):
    with SingleUser(lab, parent.address, "--account", "LAB\\svc", password="Canary-4711-svc\n") as started:
        site = f"http://site1.lab.test:{origin.port}/"
        assert curl(started.url, site)[0].status == 200
        started.process.signal(1)
        wait_until(lambda: "reload: settings from the command line" in started.printed(), "the reload")
        assert curl(started.url, site)[0].status == 200
        for name in ("cmdline", "environ"):
            with open(f"/proc/{started.process.pid}/{name}", "rb") as f:
                assert b"Canary" not in f.read()
        with open(f"/proc/{started.process.pid}/limits") as f:
            assert re.search(r"Max core file size +0 +0", f.read())
    assert "Canary" not in started.printed()


def test_a_wrong_password_is_tried_once(lab, parent, origin):
    with SingleUser(lab, parent.address, *ALICE, password="wrong\n") as started:
        mark = parent.mark()
        for _ in range(4):
            answer = curl(started.url, f"http://site1.lab.test:{origin.port}/")[0]
            assert answer.status == 502 and "12201" in answer.body
        assert "wrong\n" not in started.printed()
        assert len([r for r in parent.rows(mark) if r["status"] == "407"]) <= 3


def test_the_terminal_is_asked_without_echo(lab, parent, origin):
    port, (master, slave) = free_port(), pty.openpty()
    process = Process(lab, f"asked{lab.number('asked')}",
                      [BINARY, "serve", "--parent", parent.address, "--listen", f"127.0.0.1:{port}", *ALICE], stdin=slave,
                      env={"KRB5CCNAME": "FILE:/nonexistent"})
    os.close(slave)
    shown = b""
    while b"Password of LAB\\alice: " not in shown:
        shown += os.read(master, 1000)
    wait_until(lambda: subprocess.run(["stty", "-a"], stdin=master, capture_output=True, text=True).stdout.find("-echo ") >= 0, "no echo")
    os.write(master, PASSWORDS["alice"].encode() + b"\n")
    process.wait_for(lambda: "ready:" in process.printed(), "ready")
    assert "-echo " not in subprocess.run(["stty", "-a"], stdin=master, capture_output=True, text=True).stdout
    assert curl(f"http://127.0.0.1:{port}", f"http://site1.lab.test:{origin.port}/")[0].status == 200
    process.signal(15)
    assert process.wait() == 0
    os.set_blocking(master, False)
    try:
        shown += os.read(master, 1000)
    except OSError:
        pass
    os.close(master)
    assert PASSWORDS["alice"].encode() not in shown and PASSWORDS["alice"] not in process.printed()


def test_the_users_own_ticket(lab, fairlead, origin):
    """No account, no password: a parent that wants Kerberos, known by its name."""
    kdc = lab.part(Kdc)
    wanting = fairlead(name="proxy2.lab.test", listen="sign-on = {negotiate}", more=f'kerberos {{ keytab = "{kdc.keytab}" }}', env=kdc.server_env)
    hosts = ["unshare", "-m", "--propagation", "private", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', hosts_file(lab)]
    with SingleUser(lab, f"proxy2.lab.test:{wanting.port}", env=kdc.client_env("bob"), prefix=hosts) as started:
        assert "Kerberos ticket of bob@LAB.TEST" in started.printed()
        answer = curl(started.url, f"http://site1.lab.test:{origin.port}/")[0]
        assert answer.status == 200, answer.body
    names = wait_until(lambda: [r["cs-username"] for r in wanting.log() if r["sc-status"] == "200" and r["cs-method"] == "GET"], "the parent's row")
    assert [n.lower().replace("%5c", "\\") for n in names] == ["lab\\bob"], names


# ---- how it is called

@pytest.mark.parametrize("words, password, status, says", [
    (["--account", "x"], "", 2, "--parent HOST:PORT is missing"),
    (["-c", "f", "--parent", "p.example:1"], "", 2, "-c FILE says all"),
    (["--parent", "p.example:1", "--nt-hash-file", "f"], "", 2, "needs --account"),
    (["--parent", "p.example:1", "more"], "", 2, "what is more?"),
    (["--parent", "p.example:1"], "x\n", 1, "whose account is it?"),
    (["--parent", "p.example:1", "--account", "x"], "", 1, "no password was given"),
    (["--parent", "p.example:1", "--account", "x"], "\n", 1, "the password is empty"),
    (["--parent", "p.example", "--account", "x"], "y\n", 1, "p.example"),
    (["--parent", "p.example:1", "--account", "a'b"], "y\n", 1, "a character in it that cannot be"),
    (["--parent", "p.example:1", "--account", "x", "--direct", "10.0.0.0/99"], "y\n", 1, "10.0.0.0/99"),
    (["--parent", "p.example:1", "--account", "x", "--listen", "*:23456"], "y\n", 1, "with --clients NETWORK"),
    (["--parent", "p.example:1", "--account", "x", "--nt-hash-file", "/nonexistent/f"], "", 1, "cannot be read"),
])
def test_what_it_cannot_do_it_says(words, password, status, says):
    done = subprocess.run([BINARY, "serve", *words], input=password, capture_output=True, text=True, timeout=20,
                          env={**os.environ, "KRB5CCNAME": "FILE:/nonexistent"})
    assert (done.returncode, says in done.stderr) == (status, True), done.stderr
    assert "y\n" != done.stdout and "\ny\n" not in done.stderr
