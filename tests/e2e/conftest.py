"""Fixtures: each component is started by the first test that wants it and ended with the session."""

import os

import pytest

from lab.apache import Apache
from lab.fairlead import Fairlead, chain
from lab.kdc import Kdc
from lab.processes import Lab
from lab.squid import NtlmOrigin

# A proxy in the environment must not be taken for the one under test.
for _name in [n for n in os.environ if n.lower().endswith("_proxy")]:
    del os.environ[_name]


@pytest.fixture(scope="session")
def lab():
    lab = Lab()
    yield lab
    lab.close()


@pytest.fixture(scope="session")
def ntlm_origin(lab):
    return lab.part(NtlmOrigin)


@pytest.fixture(scope="session")
def kdc(lab):
    return lab.part(Kdc)


@pytest.fixture(scope="session")
def apache(lab):
    return lab.part(Apache)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call":
        item.failed_in_call = outcome.get_result().failed


@pytest.fixture
def fairlead(lab, request):
    """Makes proxies; at the end of the test each must stop cleanly on SIGTERM."""
    made = []

    def make(**pieces):
        made.append(Fairlead(lab, **pieces))
        return made[-1]

    yield make
    failed = getattr(request.node, "failed_in_call", True)
    problems = []
    for proxy in made:
        try:
            proxy.stop()
        except Exception as e:
            problems.append(e)
    if failed:
        for proxy in made:
            print(f"--- {proxy.folder}\n{proxy.process.printed()[-4000:]}\n{proxy.events()[-4000:]}")
    if problems:
        raise problems[0]


@pytest.fixture
def proxy_chain(fairlead):
    return lambda length, **first: chain(fairlead, length, **first)
