"""A proxy that is spoken to over TLS (https:// in the client's proxy setting)."""

import base64
import hashlib
import os
import socket
import ssl
import struct
import subprocess

import pytest

from lab.curl import curl
from lab.fairlead import BINARY, absolute
from lab.wire import ScriptedOrigin, answering, ok


def make_certificate(folder, name, host, days=2):
    key, certificate = f"{folder}/{name}.key", f"{folder}/{name}.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", str(days),
                    "-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}", "-keyout", key, "-out", certificate],
                   check=True, capture_output=True)
    os.chmod(key, 0o600)
    return key, certificate


@pytest.fixture
def secure(fairlead, lab):
    """Makes a proxy with a TLS listener; gives it with what curl needs to reach it."""
    def make(listen="", **pieces):
        folder = lab.folder(f"tls{lab.number('tls')}")
        key, certificate = make_certificate(folder, "listener", "proxy.lab.test")
        proxy = fairlead(listen=f'tls {{ certificate = "{certificate}"  key = "{key}" }} {listen}', **pieces)
        proxy.certificate, proxy.key = certificate, key
        proxy.https = f"https://proxy.lab.test:{proxy.port}"
        proxy.options = ["--proxy-cacert", certificate, "--resolve", f"proxy.lab.test:{proxy.port}:127.0.0.1"]
        return proxy
    return make


def test_requests_and_tunnels_over_tls(secure):
    proxy = secure()
    body = "\n".join(os.urandom(30).hex() for _ in range(6000))
    with ScriptedOrigin(answering(ok(body))) as o:
        url = f"http://{o.authority}/"
        answers = curl(proxy.https, [url] * 3, *proxy.options)
        assert [(a.status, a.body == body) for a in answers] == [(200, True)] * 3
        assert [a.connects for a in answers] == [1, 0, 0]
        tunnelled, = curl(proxy.https, url, *proxy.options, "--proxytunnel")
        assert (tunnelled.status, tunnelled.body == body) == (200, True)


def test_plain_http_on_the_tls_port_is_told_so(secure):
    proxy = secure()
    answer = proxy.ask(absolute("127.0.0.1:1"))
    assert answer.status == 400 and b"speaks TLS" in answer.body
    assert "plain-on-tls-port" in answer.get("Proxy-Status")


def test_a_reload_brings_the_new_certificate_and_keeps_connections(secure, lab):
    proxy = secure()
    context = ssl.create_default_context(cafile=proxy.certificate)
    with ScriptedOrigin(answering(ok("one"))) as o:
        with context.wrap_socket(socket.create_connection(("127.0.0.1", proxy.port), 5), server_hostname="proxy.lab.test") as old:
            first = hashlib.sha256(old.getpeercert(True)).hexdigest()
            make_certificate(os.path.dirname(proxy.key), "listener", "proxy.lab.test")
            proxy.reload()
            proxy.wait_metric("reloads_total", lambda n: n == 1)
            old.sendall(absolute(o.authority).encode())
            assert b"200" in old.recv(4096)
        renewed = ssl.create_default_context(cafile=proxy.certificate)
        with renewed.wrap_socket(socket.create_connection(("127.0.0.1", proxy.port), 5), server_hostname="proxy.lab.test") as new:
            assert hashlib.sha256(new.getpeercert(True)).hexdigest() != first


def test_old_versions_of_tls_are_refused(secure):
    proxy = secure()
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{proxy.port}", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=10)
    assert done.returncode != 0
    assert proxy.healthy()


def test_a_handshake_that_never_ends_is_given_up(secure):
    proxy = secure(timeouts="head = 1s  idle = 60s")
    with proxy.connect() as c:
        c.send(b"\x16\x03\x01\x02\x00\x01")
        assert c.closed(4)
    assert proxy.healthy()


def test_a_proxy_header_may_come_before_the_handshake(secure):
    proxy = secure('proxy-protocol-from = {"127.0.0.1"}  clients = {"127.0.0.0/8", "192.0.2.0/24"}')
    context = ssl.create_default_context(cafile=proxy.certificate)
    with ScriptedOrigin(answering(ok("one"))) as o:
        plain = socket.create_connection(("127.0.0.1", proxy.port), 5)
        v2 = b"\r\n\r\n\0\r\nQUIT\n" + b"\x21\x11" + struct.pack("!H", 12) + bytes([192, 0, 2, 7, 127, 0, 0, 1]) + struct.pack("!HH", 4000, 80)
        plain.sendall(v2)
        with context.wrap_socket(plain, server_hostname="proxy.lab.test") as c:
            c.sendall(absolute(o.authority).encode())
            assert b"200" in c.recv(4096)
    assert proxy.log()[-1]["c-ip"] == "192.0.2.7"


def visit(proxy, version, session, take):
    """A connection of OpenSSL's own client that asks one thing: whether it resumed, and what it was answered."""
    with ScriptedOrigin(answering(ok("one"))) as o:
        done = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{proxy.port}", "-CAfile", proxy.certificate, f"-{version}", "-ign_eof",
             "-servername", "proxy.lab.test", *(["-sess_in", session] if take else []), "-sess_out", session],
            input=absolute(o.authority, fields="Connection: close\r\n"), text=True, capture_output=True, timeout=20)
    assert "200 OK" in done.stdout, done.stdout + done.stderr
    return "\nReused, " in done.stdout


@pytest.mark.parametrize("version", ["tls1_2", "tls1_3"])
def test_sessions_are_resumed_by_every_worker_and_after_a_reload(secure, lab, version):
    proxy = secure()
    session = f"{os.path.dirname(proxy.key)}/{version}.session"
    assert not visit(proxy, version, session, False)
    # Which of the two workers a connection meets is the kernel's choice.
    assert [visit(proxy, version, session, True) for _ in range(12)] == [True] * 12
    for reloads in (1, 2):
        proxy.reload()
        proxy.wait_metric("reloads_total", lambda n, wanted=reloads: n == wanted)
        assert [visit(proxy, version, session, True) for _ in range(4)] == [True] * 4
    assert proxy.metric("client_tls_resumed_total") == 20
    # Not with another certificate: what was bound to the old one must not look as if it were bound to the new one.
    make_certificate(os.path.dirname(proxy.key), "listener", "proxy.lab.test")
    proxy.reload()
    proxy.wait_metric("reloads_total", lambda n: n == 3)
    assert not visit(proxy, version, session, True)
    assert visit(proxy, version, session, True)


def test_a_resumed_connection_is_not_signed_in(secure, lab):
    accounts = f"{lab.folder('tls-resumed-accounts')}/accounts"
    subprocess.run([BINARY, "account", "add", "alice", "--file", accounts], input=b"Secret1\n", check=True, capture_output=True)
    proxy = secure("sign-on = {ntlm, basic}  accounts = {local}", more=f'accounts local {{ file = "{accounts}" }}')
    context = ssl.create_default_context(cafile=proxy.certificate)
    credentials = "Proxy-Authorization: Basic " + base64.b64encode(b"alice:Secret1").decode() + "\r\n"

    def connect(session=None):
        plain = socket.create_connection(("127.0.0.1", proxy.port), 5)
        return context.wrap_socket(plain, server_hostname="proxy.lab.test", session=session)

    with ScriptedOrigin(answering(ok("one"))) as o:
        with connect() as first:
            first.sendall(absolute(o.authority, fields=credentials).encode())
            assert b" 200 " in first.recv(4096)
            session = first.session
        with connect(session) as second:
            assert second.session_reused
            second.sendall(absolute(o.authority).encode())
            assert b" 407 " in second.recv(4096)


def test_a_certificate_for_two_kinds_of_key(fairlead, lab):
    folder = lab.folder("tls-two-kinds")
    make_certificate(folder, "ec", "proxy.lab.test")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=proxy.lab.test",
                    "-addext", "subjectAltName=DNS:proxy.lab.test", "-keyout", f"{folder}/rsa.key", "-out", f"{folder}/rsa.pem"],
                   check=True, capture_output=True)
    with open(f"{folder}/both.pem", "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as both:
        for part in ("ec.pem", "ec.key", "rsa.pem", "rsa.key"):
            with open(f"{folder}/{part}") as f:
                both.write(f.read())
    proxy = fairlead(listen=f'tls {{ certificate = "{folder}/both.pem"  key = "{folder}/both.pem" }}')
    for kind, ciphers in (("ec", "ECDHE-ECDSA-AES128-GCM-SHA256"), ("rsa", "ECDHE-RSA-AES128-GCM-SHA256")):
        context = ssl.create_default_context(cafile=f"{folder}/{kind}.pem")
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(ciphers)
        with context.wrap_socket(socket.create_connection(("127.0.0.1", proxy.port), 5), server_hostname="proxy.lab.test") as c:
            with open(f"{folder}/{kind}.pem") as f:
                assert ssl.DER_cert_to_PEM_cert(c.getpeercert(True)) == f.read(), kind


def test_check_looks_at_certificates(lab):
    folder = lab.folder("tls-check")
    key, certificate = make_certificate(folder, "site", "www.lab.test")
    other_key, _ = make_certificate(folder, "other", "other.lab.test")
    old_key, old = make_certificate(folder, "old", "www.lab.test", days=90)

    def check(host, certificate, key):
        file = lab.write("tls-check.conf", f'''site "{host}" {{
    listen = {{"https://127.0.0.1:8443"}}
    tls {{ certificate = "{certificate}"  key = "{key}" }}
    files = "{folder}"
    sign-on = {{anonymous}}
}}
''')
        done = subprocess.run([BINARY, "check", "-c", file], capture_output=True, text=True, timeout=20)
        return done.returncode, done.stdout + done.stderr

    status, said = check("www.lab.test", certificate, key)
    assert status == 0 and "tls-check.conf:3: warning: the certificate of www.lab.test expires on 20" in said
    assert "not www.lab.test" not in said
    status, said = check("www.lab.test", old, old_key)
    assert status == 0 and "expires" not in said
    status, said = check("intranet.lab.test", certificate, key)
    assert status == 0 and "the certificate is for www.lab.test, not intranet.lab.test" in said
    status, said = check("*.lab.test", certificate, key)
    assert status == 0 and "the certificate is for www.lab.test, not *.lab.test" in said
    status, said = check("www.lab.test", certificate, other_key)
    assert status == 1 and "the key is not the one of the first certificate" in said
    status, said = check("www.lab.test", key, key)
    assert status == 1 and "there is no certificate in it" in said


def test_basic_is_offered_over_tls_alone(secure, fairlead, lab):
    accounts = f"{lab.folder('tls-accounts')}/accounts"
    subprocess.run([BINARY, "account", "add", "alice", "--file", accounts], input=b"Secret1\n", check=True, capture_output=True)
    more = f'accounts local {{ file = "{accounts}" }}'
    sign_on = "sign-on = {ntlm, basic}  accounts = {local}"
    over_tls, plain = secure(sign_on, more=more), fairlead(listen=sign_on, more=more)
    with ScriptedOrigin(answering(ok("one"))) as o:
        url = f"http://{o.authority}/"
        good, = curl(over_tls.https, url, *over_tls.options, "--proxy-basic", "-U", "alice:Secret1")
        ntlm, = curl(over_tls.https, url, *over_tls.options, "--proxy-ntlm", "-U", "alice:Secret1")
        bad, = curl(over_tls.https, url, *over_tls.options, "--proxy-basic", "-U", "alice:wrong")
        assert (good.status, ntlm.status, bad.status) == (200, 200, 407)
        refused, = curl(plain.url, url, "--proxy-basic", "-U", "alice:Secret1")
        assert refused.status == 407
        offered = [v for k, v in plain.ask(absolute(o.authority)).fields if k.lower() == "proxy-authenticate"]
        assert offered == ["NTLM"]
