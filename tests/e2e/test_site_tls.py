"""Several published sites on one TLS address: each is shown by its own certificate, asked for by its name, and by no other's."""

import http.client
import socket
import ssl

import pytest

from lab.processes import free_port
from lab.wire import ScriptedOrigin, answering, ok

from test_tls_listener import make_certificate


@pytest.fixture
def two_sites(fairlead, lab):
    """A Fairlead with one.lab.test, two.lab.test (a certificate each) and *.more.lab.test at one TLS address."""
    folder, port = lab.folder(f"sites{lab.number('sites')}"), free_port()
    with ScriptedOrigin(answering(ok("the application"))) as application:
        sites = ""
        for name, host in (("one", "one.lab.test"), ("two", "two.lab.test"), ("more", "*.more.lab.test")):
            key, certificate = make_certificate(folder, name, host)
            sites += f'''site "{host}" {{ listen = {{"https://127.0.0.1:{port}"}}  application = app
    tls {{ certificate = "{certificate}"  key = "{key}" }}  sign-on = {{anonymous}} }}\n'''
        proxy = fairlead(more=f'application app {{ member "http://{application.authority}" {{ }} }}\n{sites}')
        proxy.site_port, proxy.folder_of_certificates = port, folder
        yield proxy


def connect(proxy, server_name):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(socket.create_connection(("127.0.0.1", proxy.site_port), 10), server_hostname=server_name)


def ask(stream, host):
    """Status and whole text of one answer."""
    stream.sendall(f"GET /x HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    answer = http.client.HTTPResponse(stream)
    answer.begin()
    return answer.status, str(answer.headers) + answer.read().decode()


def shown(stream, proxy):
    der = stream.getpeercert(binary_form=True)
    for name in ("one", "two", "more"):
        with open(f"{proxy.folder_of_certificates}/{name}.pem") as f:
            if ssl.PEM_cert_to_DER_cert(f.read()) == der:
                return name
    return None


@pytest.mark.parametrize("asked, wanted", [("one.lab.test", "one"), ("two.lab.test", "two"), ("TWO.lab.test", "two"),
                                           ("a.more.lab.test", "more"), ("a.b.more.lab.test", "more"),
                                           ("stranger.lab.test", "one"), (None, "one")])
def test_the_certificate_is_that_of_the_site_that_is_asked_for(two_sites, asked, wanted):
    with connect(two_sites, asked) as stream:
        assert shown(stream, two_sites) == wanted


def test_each_site_answers_on_a_connection_made_for_it(two_sites):
    for host in ("one.lab.test", "two.lab.test", "b.more.lab.test"):
        with connect(two_sites, host) as stream:
            assert ask(stream, host)[0] == 200


def test_a_connection_made_for_one_site_is_not_used_for_another(two_sites):
    with connect(two_sites, "one.lab.test") as stream:
        status, text = ask(stream, "two.lab.test")
        assert status == 421 and "site-misdirected" in text
    line, = two_sites.log()
    assert (line["x-end"], line["sc-status"], line["cs-host"]) == ("site-misdirected", "421", "two.lab.test")


def test_who_names_no_site_while_shaking_hands_may_still_ask_for_any(two_sites):
    with connect(two_sites, None) as stream:
        assert ask(stream, "two.lab.test")[0] == 200


def test_an_unknown_host_never_falls_into_the_first_site(two_sites):
    with connect(two_sites, "stranger.lab.test") as stream:
        status, text = ask(stream, "stranger.lab.test")
        assert status == 404 and "site-unknown" in text


def test_a_reload_in_another_order_does_not_mix_sites_up(two_sites):
    with connect(two_sites, "one.lab.test") as one, connect(two_sites, "a.more.lab.test") as more:
        assert ask(one, "one.lab.test")[0] == 200 and ask(more, "a.more.lab.test")[0] == 200
        first, *sites = two_sites.pieces["more"].split("site ")
        two_sites.write_settings(more=first + "".join("site " + s for s in reversed(sites[:-1])))
        two_sites.reload()
        two_sites.wait_metric("reloads_total", lambda n: n == 1)
        assert ask(one, "one.lab.test")[0] == 200
        assert ask(one, "two.lab.test")[0] == 421
        assert ask(more, "a.more.lab.test")[0] == 404
