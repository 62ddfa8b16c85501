"""The search for passwords in logs and pages, which every test makes when its proxies end, finds what is there."""

import base64

import pytest

from lab import canary
from lab.fairlead import absolute


@pytest.mark.parametrize("text", ["user alice Secret1", "x=" + base64.b64encode(b"alice:Secret2").decode(),
                                  "Proxy-Authorization: Basic " + base64.b64encode(b"CORP\\svc:Canary-4711-svc").decode()])
def test_a_password_is_found(text):
    assert canary.leaks(text)


@pytest.mark.parametrize("text", ["GET /secret/ HTTP/1.1", "curl/7.88.1 - 401 1 2148074254", base64.b64encode(b"alice:other").decode()])
def test_what_is_none_is_not(text):
    assert not canary.leaks(text)


def test_a_proxy_that_logs_one_is_noticed(fairlead):
    """The address of a request is logged: a password that somebody puts there is the test's own."""
    proxy = fairlead()
    proxy.ask(absolute("127.0.0.1:1", "/?p=Secret1"))
    proxy.log()
    with pytest.raises(AssertionError, match="passwords in what"):
        proxy.stop()
