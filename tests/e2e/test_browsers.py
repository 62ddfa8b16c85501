"""Real browsers sign in to the NTLM origin through the proxy: a page and its twenty parts, all as alice."""

import hashlib
import json
import os
import shutil
import subprocess

import pytest

from lab.echo import PAGE_PARTS

HERE = os.path.join(os.path.dirname(__file__), "node")


@pytest.fixture(scope="session")
def node():
    """The folder with the drivers' packages, installed once per version into the user's cache."""
    with open(f"{HERE}/package.json", "rb") as f:
        name = "node-" + hashlib.sha256(f.read()).hexdigest()[:12]
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folder = os.path.join(cache, "fairlead", name)
    if not os.path.exists(f"{folder}/complete"):
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        shutil.copy(f"{HERE}/package.json", folder)
        subprocess.run(["npm", "install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"],
                       cwd=folder, check=True, timeout=300)
        open(f"{folder}/complete", "w").close()
    return folder


def drive(node, program, env=None, prefix=(), **options):
    """Runs a driver with the packages in `node`; gives what it printed."""
    with open(f"{HERE}/{program}", "rb") as f:  # other versions of it may run from the same folder just now
        copy = f"{node}/{hashlib.sha256(f.read()).hexdigest()[:12]}-{program}"
    if not os.path.exists(copy):
        shutil.copy(f"{HERE}/{program}", f"{copy}.{os.getpid()}")
        os.rename(f"{copy}.{os.getpid()}", copy)
    done = subprocess.run([*prefix, "node", copy, json.dumps(options)], cwd=node, capture_output=True, text=True, timeout=120,
                          env={**os.environ, "KRB5CCNAME": "/nonexistent", **(env or {})})
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def must_be_alices_page(seen, ntlm_origin, mark):
    assert seen["status"] == 200 and "alice" in seen["text"]
    parts = [r for r in ntlm_origin.since(mark) if "/part" in r["url"] and r["status"] == "200"]
    assert len({r["url"] for r in parts}) == PAGE_PARTS
    assert {r["user"].split("\\")[-1] for r in parts} == {"alice"}
    rows = ntlm_origin.since(mark)
    for conn in {r["conn"] for r in rows}:  # one handshake a connection: never a 401 again behind the first 200
        statuses = [r["status"] for r in rows if r["conn"] == conn]
        assert "401" not in statuses[statuses.index("200"):] if "200" in statuses else True


@pytest.mark.parametrize("hops", [1, 2])
def test_chromium_shows_a_page_with_twenty_parts(proxy_chain, ntlm_origin, node, lab, hops):
    proxy, mark = proxy_chain(hops)[0], ntlm_origin.mark()
    seen = drive(node, "chromium.js", url=ntlm_origin.url("/page"), proxy=f"http://127.0.0.1:{proxy.port}",
                 user="LAB\\alice", password="Secret1", profile=lab.folder(f"chromium{lab.number('chromium')}"))
    must_be_alices_page(seen, ntlm_origin, mark)
    assert len([a for a in seen["answers"] if "/part" in a["url"] and a["status"] == 200]) == PAGE_PARTS


def test_firefox_shows_a_page_with_twenty_parts(fairlead, ntlm_origin, node, lab):
    proxy, mark = fairlead(), ntlm_origin.mark()
    seen = drive(node, "firefox.mjs", url=ntlm_origin.url("/page"), proxy=f"127.0.0.1:{proxy.port}", user="alice",
                 password="Secret1", home=lab.folder("firefox"))
    must_be_alices_page(seen, ntlm_origin, mark)


def test_chromium_signs_in_by_kerberos(fairlead, apache, node, lab):
    proxy = fairlead()
    seen = drive(node, "chromium.js", env=apache.client_env("bob", "krb5"), url=apache.url("/krbc"),
                 proxy=f"http://127.0.0.1:{proxy.port}", profile=lab.folder(f"chromium{lab.number('chromium')}"))
    assert seen["status"] == 200 and "user=bob@LAB.TEST" in seen["text"]


def test_firefox_signs_in_by_kerberos(fairlead, apache, node, lab):
    proxy = fairlead()
    seen = drive(node, "firefox.mjs", env=apache.client_env("bob", "krb5"), url=apache.url("/krbc"),
                 proxy=f"127.0.0.1:{proxy.port}", home=lab.folder("firefox-kerberos"))
    assert seen["status"] == 200 and "user=bob@LAB.TEST" in seen["text"]
