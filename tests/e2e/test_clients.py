"""Clients that people have: cntlm, the npm package httpntlm, and browsers over TLS, each beside every source of accounts."""

import base64
import subprocess

import pytest

from lab import echo
from lab.cntlm import Cntlm
from lab.curl import curl
from lab.echo import Echo
from lab.processes import free_port, wait_until
from lab.wire import Closed, connect
from test_browsers import drive, node  # noqa: F401 (a fixture)
from test_sign_on import KINDS, MACHINE, Recorder, Verifier, local, users_of  # noqa: F401 (a fixture)
from test_tls_listener import make_certificate

SIGN_ON = "sign-on = {ntlm, negotiate, basic}"


# ---- cntlm signs in to us


def through_cntlm(lab, v, password="Secret1", auth="NTLMv2"):
    prefix = v.prefix if v.kind == "domain" else ()
    cntlm = Cntlm(lab, v.proxy.port, "alice", v.claim, password, auth, prefix)

    def listens():
        try:
            with v.proxy.network():
                connect(cntlm.port, 2).close()
            return True
        except (OSError, Closed):
            return False
    cntlm.process.wait_for(listens, "cntlm's port")
    return cntlm, lambda urls, *options: curl(cntlm.url, urls, *options, prefix=prefix)


@pytest.fixture
def page_of(lab):
    """An origin that a proxy reaches, wherever it is."""
    origins = []

    def make(v):
        if v.network is None:
            origins.append(Recorder())
        else:
            with v.network():
                origins.append(Recorder("127.0.0.1"))
        return origins[-1]
    yield make
    for o in origins:
        o.close()
        o.check()


def good_rows(v, n, words=""):
    found = [r for r in v.proxy.log() if r["sc-status"] == "200" and words in r["cs-uri"] + " " + r["cs-host"]]
    return found if len(found) >= n else None


@KINDS
def test_cntlm_signs_in_to_us(fairlead, lab, local, page_of, kind):  # noqa: F811
    v = Verifier(kind, fairlead, lab, local, SIGN_ON, workers=1)
    page, (cntlm, ask) = page_of(v), through_cntlm(lab, v)
    try:
        assert [a.status for a in ask([page.url(f"/{i}") for i in range(5)])] == [200] * 5
        body = "x" * 300_000
        posted, = ask(page.url("/post"), "--data-binary", "@" + lab.write("cntlm-body", body), "-H", "Expect:")
        assert (posted.status, posted.words["length"]) == (200, "300000")
        tunnelled, = ask(page.url("/tunnel"), "-p")
        assert tunnelled.status == 200
    finally:
        cntlm.end()
    assert [len(r.body) for r in page.requests if r.method == "POST"] == [300_000], "sent once"
    good = wait_until(lambda: good_rows(v, 7), "seven rows, the tunnel's among them")
    assert set(users_of(good)) == {v.shown}
    assert {r["x-proxy-leg"] for r in v.proxy.log()} >= {"ntlm-1", "ntlm-3"}


@pytest.mark.parametrize("auth", ["NTLM", "LM"])
def test_cntlm_without_ntlmv2_is_refused_by_name(fairlead, lab, local, page_of, auth):  # noqa: F811
    v = Verifier("local", fairlead, lab, local, SIGN_ON)
    page, (cntlm, ask) = page_of(v), through_cntlm(lab, v, auth=auth)
    try:
        assert ask(page.url())[0].status == 407 and not page.requests
    finally:
        cntlm.end()
    v.proxy.wait_event("lm-or-ntlmv1")


def test_cntlm_with_a_wrong_password_gets_nowhere(fairlead, lab, local, page_of):  # noqa: F811
    v = Verifier("local", fairlead, lab, local, SIGN_ON)
    page, (cntlm, ask) = page_of(v), through_cntlm(lab, v, "wrong")
    try:
        assert ask(page.url())[0].status == 407 and not page.requests
    finally:
        cntlm.end()
    v.proxy.wait_event("wrong-password")


def test_cntlm_is_refused_where_an_integrity_code_is_demanded(fairlead, lab, local, page_of):  # noqa: F811
    v = Verifier("local", fairlead, lab, local, SIGN_ON + "  require-mic = true")
    page, (cntlm, ask) = page_of(v), through_cntlm(lab, v)
    try:
        assert ask(page.url())[0].status == 407 and not page.requests
    finally:
        cntlm.end()
    v.proxy.wait_event("mic-missing")


# ---- httpntlm: an NTLM site, through us and of ours


def asked(url, user, password=None, domain="LAB", **more):
    return {"url": url, "username": user, "password": password or {"alice": "Secret1", "bob": "Secret2"}[user], "domain": domain, **more}


def test_httpntlm_reaches_an_ntlm_site_through_us(fairlead, ntlm_origin, node):  # noqa: F811
    proxy = fairlead()
    way = {"proxy": {"host": "127.0.0.1", "port": proxy.port}}
    answers = drive(node, "httpntlm.js", requests=[asked(ntlm_origin.url("/1"), "alice", **way), asked(ntlm_origin.url("/2"), "bob", **way),
                                                   asked(ntlm_origin.url("/3"), "alice", method="post", body="x" * 5000, **way),
                                                   asked(ntlm_origin.url("/4"), "alice", "wrong", **way)])
    assert [a["status"] for a in answers] == [200, 200, 200, 401], answers
    for answer, user in zip(answers, (r"LAB\alice", r"LAB\bob", r"LAB\alice")):
        assert f"user={user} " in answer["body"]
    assert "length=5000" in answers[2]["body"]
    users = ["alice", "bob"] * 16
    together = drive(node, "httpntlm.js", together=True, requests=[asked(ntlm_origin.url(f"/{i}"), u, **way) for i, u in enumerate(users)])
    assert [a.get("status") for a in together] == [200] * len(users), together
    assert [f"user=LAB\\{u} " in a["body"] for a, u in zip(together, users)] == [True] * len(users), "each as himself"


@KINDS
def test_httpntlm_signs_in_to_a_site_of_ours(fairlead, lab, local, node, page_of, kind):  # noqa: F811
    port, v = free_port(), Verifier(kind, fairlead, lab, local, SIGN_ON, workers=1)
    page = page_of(v)
    v.proxy.write_settings(more=v.proxy.pieces["more"] + f"""
application app {{ member "http://127.0.0.1:{page.port}" {{ }} }}
site "localhost" {{ listen = {{"http://127.0.0.1:{port}"}}  sign-on = {{ntlm}}  accounts = {{local}}  application = app }}
""")
    v.proxy.reload()
    v.proxy.wait_metric("reloads_total", lambda n: n == 1)
    url = f"http://localhost:{port}/"  # it says the Host of its address
    domain = "" if kind == "local" else v.claim
    wanted = [asked(url, "alice", domain=domain), asked(url, "alice", domain=domain, method="post", body="y" * 4000),
              asked(url, "alice", "wrong", domain=domain)]
    answers = drive(node, "httpntlm.js", prefix=v.prefix if kind == "domain" else (), requests=wanted)
    assert [a.get("status") for a in answers] == [200, 200, 401], answers
    assert "length=4000" in answers[1]["body"]
    good = wait_until(lambda: good_rows(v, 2, " localhost"), "rows of the site")
    assert set(users_of(good)) == {v.shown}


# ---- browsers: Basic over TLS, and NTLM inside Negotiate


def key_of(certificate):
    """As Chromium wants it."""
    public = subprocess.run(["openssl", "x509", "-in", certificate, "-pubkey", "-noout"], capture_output=True, check=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=public, capture_output=True, check=True).stdout
    return base64.b64encode(subprocess.run(["openssl", "dgst", "-sha256", "-binary"], input=der, capture_output=True, check=True).stdout).decode()


def browse(program, node, lab, proxy, url, *, host="proxy.lab.test", secure=None, user=None, env=None, prefix=()):  # noqa: F811
    """The page at `url` in a browser that is told to use `proxy`; `secure`: the proxy's certificate."""
    address, who = f"{host}:{proxy.port}", {}
    folder = lab.folder(f"browser{lab.number('browser')}")
    if program == "chromium.js":
        if user:
            who = {"proxyUser": user, "proxyPassword": "Secret1"}
        return drive(node, program, env=env, prefix=prefix, url=url, profile=folder, proxy=f"{'https' if secure else 'http'}://{address}",
                     **({"key": key_of(secure)} if secure else {}), **who)
    if user:
        who = {"user": user, "password": "Secret1"}
    return drive(node, program, env=env, prefix=prefix, url=url, home=folder, proxy=address, secure=bool(secure), **who)


def must_be_the_whole_page(v, seen, port, shown):
    assert seen["status"] == 200 and len([a for a in seen["answers"] if a["status"] == 200]) >= echo.PAGE_PARTS
    good = wait_until(lambda: good_rows(v, echo.PAGE_PARTS + 1, f":{port}/"), "a row for each part")
    assert set(users_of(good)) == {shown}


@pytest.mark.parametrize("program", ["chromium.js", "firefox.mjs"])
@pytest.mark.parametrize("kind, scheme", [("local", "basic"), ("winbind", "basic"), ("local", "ntlm")])
def test_browsers_sign_in_over_tls(fairlead, lab, local, node, kind, scheme, program):  # noqa: F811
    key, certificate = make_certificate(lab.folder("browser-tls"), "proxy", "proxy.lab.test")
    v = Verifier(kind, fairlead, lab, local, f'sign-on = {{{scheme}}}  tls {{ certificate = "{certificate}"  key = "{key}" }}', workers=1)
    page = lab.part(Echo)
    seen = browse(program, node, lab, v.proxy, f"http://origin.lab.test:{page.port}/page", secure=certificate, user="alice")
    must_be_the_whole_page(v, seen, page.port, v.shown)


@pytest.mark.slow
@pytest.mark.parametrize("program", ["chromium.js", "firefox.mjs"])
@pytest.mark.parametrize("scheme", ["basic", "ntlm", "kerberos"])
def test_browsers_sign_in_with_accounts_of_a_domain(fairlead, lab, local, node, page_of, scheme, program):  # noqa: F811
    """Basic over TLS; a ticket of the domain's own KDC."""
    key, certificate = make_certificate(lab.folder("browser-domain"), "proxy", "proxy.ad.lab.test")
    tls = f'tls {{ certificate = "{certificate}"  key = "{key}" }}' if scheme == "basic" else ""
    v = Verifier("domain", fairlead, lab, local, f"sign-on = {{{'negotiate' if scheme == 'kerberos' else scheme}}}  {tls}", workers=1)
    page = page_of(v)
    seen = browse(program, node, lab, v.proxy, page.url("/page"), host=v.name, secure=certificate if tls else None, prefix=v.prefix,
                  **({"env": v.ticket} if scheme == "kerberos" else {"user": "alice"}))
    assert seen["status"] == 200 and "length=0" in seen["text"]
    good = wait_until(lambda: good_rows(v, 1, f":{page.port}/"), "the page's row")
    assert set(users_of(good)) == {v.shown}


@pytest.mark.parametrize("program", ["chromium.js", "firefox.mjs"])
def test_browsers_sign_in_by_ntlm_inside_negotiate(fairlead, lab, local, node, program):  # noqa: F811
    """By the system's GSSAPI with gss-ntlmssp, where there is no ticket."""
    v = Verifier("local", fairlead, lab, local, "sign-on = {negotiate}", workers=1)
    page, file = lab.part(Echo), lab.write("browser-ntlm-user", f"{MACHINE}:alice:Secret1\n")
    seen = browse(program, node, lab, v.proxy, f"http://origin.lab.test:{page.port}/page",
                  env={**v.ticket, "KRB5CCNAME": "/none", "NTLM_USER_FILE": file})
    must_be_the_whole_page(v, seen, page.port, "alice")
