"""Our verifiers beside the real things: winbindd alone, a Windows domain, an MIT realm."""

import os
import re
import shutil
import subprocess
import time

import pytest

from lab.domain import Domain
from lab.kdc import Kdc
from lab.verify import Verify
from lab.winbind import Winbind

SPN = "HTTP/proxy.lab.test"


@pytest.fixture
def ask():
    """Makes programs that ask; each must end well."""
    made = []

    def make(*arguments, **more):
        made.append(Verify(*arguments, **more))
        return made[-1]

    yield make
    for program in made:
        program.close()


def field(answer, name):
    found = re.search(rf" {name}=(.*?)(?= [a-z]+=|$)", answer)
    return found and found[1]


# ---- winbindd of a machine that is no member


@pytest.fixture(scope="module")
def winbind(lab):
    return lab.part(Winbind)


def test_winbind_without_a_domain_verifies_the_machines_own_accounts(ask, winbind):
    verify = ask(winbind.inside())
    assert verify.ask("names") == "ok machine=LAB domain=LAB dns="
    assert verify.reason("check") == "ok"
    answer = verify.ask("ntlm", "ALICE", "LAB", "Secret1")
    assert answer.startswith("ok ") and field(answer, "shown") == r"LAB\alice" and field(answer, "key") == "same"
    assert field(answer, "unresolved") == "0", answer
    assert verify.reason("ntlm", "alice", "", "Secret1") == "ok"
    assert verify.reason("ntlm", "alice", "LAB", "secret1") == "wrong-password"
    assert verify.reason("ntlm", "nobody", "LAB", "Secret1") == "no-such-user"
    assert verify.reason("password", "bob", "Secret2") == "ok"
    assert verify.reason("password", "bob", "Secret1") == "wrong-password"


def test_a_pipe_that_may_not_be_read_is_named(ask, winbind):
    directory = "/var/lib/samba/winbindd_privileged"
    nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    subprocess.run(winbind.inside("chmod", "750", directory), check=True)
    try:
        verify = ask(winbind.inside(*nobody))
        assert verify.reason("ntlm", "alice", "LAB", "Secret1") == "winbind-pipe-unreadable"
        assert verify.reason("check") == "winbind-pipe-unreadable"
        assert verify.reason("password", "alice", "Secret1") == "ok", "a password needs no privileged pipe"
    finally:
        subprocess.run(winbind.inside("chmod", "755", directory), check=True)
    assert verify.reason("ntlm", "alice", "LAB", "Secret1") == "ok", "seen without a restart"


def test_without_winbind_nobody_is_refused(ask):
    verify = ask(["unshare", "-m", "sh", "-c", 'mkdir -p /run/samba && mount -t tmpfs tmpfs /run/samba && exec "$@"', "sh"])
    assert verify.reason("ntlm", "alice", "LAB", "Secret1") == "verifier-unavailable"
    assert verify.reason("password", "alice", "Secret1") == "verifier-unavailable"
    assert "winbindd does not answer" in verify.ask("check")


# ---- a Windows domain


@pytest.fixture(scope="session")
def domain(lab):
    return lab.part(Domain)


@pytest.fixture
def member(ask, domain):
    return ask(domain.inside("mb1"))


@pytest.mark.slow
@pytest.mark.parametrize("user, password, reason", [
    ("alice", "Secret1", "ok"),
    ("ALICE", "Secret1", "ok"),
    ("Jürgen", "Geheim3ß", "ok"),
    ("alice", "wrong", "wrong-password"),
    ("nobody", "Secret1", "no-such-user"),
    ("off", "Secret4", "account-disabled"),
    ("off", "wrong", "wrong-password"),
    ("gone", "Secret5", "account-expired"),
    ("new", "Secret6", "password-must-change"),
    ("night", "Secret7", "logon-hours"),
    ("stale", "Secret9", "password-expired"),
    ("elsewhere", "Secret10", "logon-restricted"),
])
def test_what_the_domain_says_of_an_account_is_told_apart(member, user, password, reason):
    assert member.reason("ntlm", user, "ADLAB", password) == reason
    if user != "elsewhere":  # a password is checked from this machine
        basic = {"no-such-user": ("no-such-user", "wrong-password")}.get(reason, (reason,))
        assert member.reason("password", user, password) in basic


@pytest.mark.slow
def test_a_locked_account_is_named(member):
    reasons = [member.reason("ntlm", "locked", "ADLAB", "wrong") for _ in range(6)]
    assert reasons[0] == "wrong-password" and reasons[-1] == "account-locked"
    assert member.reason("ntlm", "locked", "ADLAB", "Secret8") == "account-locked"


@pytest.mark.slow
def test_one_identity_whatever_the_form_of_the_name(member, domain, ask):
    with_ticket = ask(domain.inside("mb1"), env={"KRB5CCNAME": domain.ticket("alice")})
    answers = [member.ask("ntlm", "Alice", "adlab", "Secret1"), member.ask("ntlm", "alice", "", "Secret1"),
               member.ask("ntlm", "alice", "ad.lab.test", "Secret1"), member.ask("ntlm", "alice@ad.lab.test", "", "Secret1"),
               member.ask("password", "alice", "Secret1"), member.ask("password", r"ADLAB\alice", "Secret1"),
               member.ask("password", "alice@ad.lab.test", "Secret1"),
               with_ticket.ask("accept", domain.keytab, "HTTP/proxy.ad.lab.test")]
    for answer in answers:
        assert answer.startswith("ok "), answer
        assert [field(answer, n) for n in ("shown", "name", "domain", "upn")] == [
            r"ADLAB\alice", "alice", "ADLAB", "alice@ad.lab.test"]
        assert set(field(answer, "groups").split("|")) == {
            r"ADLAB\Domain Users", r"ADLAB\webusers", r"ADLAB\proxyusers", r"ADLAB\everyproxy"}
        assert field(answer, "unresolved") == "0"


@pytest.mark.slow
def test_the_domain_insists_on_the_members_name_in_the_challenge(member):
    assert member.ask("names") == "ok machine=MB1 domain=ADLAB dns=ad.lab.test"
    assert field(member.ask("ntlm", "alice", "ADLAB", "Secret1"), "key") == "same"
    assert member.reason("ntlm", "alice", "ADLAB", "Secret1", "OTHER") == "wrong-password"


@pytest.mark.slow
def test_domains_that_are_served(member):
    assert [member.reason("known", d) for d in ("ADLAB", "ad.lab.test", "NOWHERE")] == ["ok", "ok", "no-verifier"]


@pytest.mark.slow
def test_groups_of_a_ticket_without_winbind_stay_unresolved(domain, ask):
    """The PAC says which they are; nobody can say what they are called."""
    no_winbind = domain.inside("mb1", "unshare", "-m", "sh", "-c", 'mount -t tmpfs tmpfs /run/samba && exec "$@"', "sh")
    answer = ask(no_winbind, env={"KRB5CCNAME": domain.ticket("alice")}).ask("accept", domain.keytab, "HTTP/web.ad.lab.test")
    assert answer.startswith("ok ") and field(answer, "shown") == r"ADLAB\alice"
    assert field(answer, "unresolved") == "1"
    groups = field(answer, "groups").split("|")
    assert len(groups) == 4 and all(re.fullmatch(r"S-1-5-21-\d+-\d+-\d+-\d+", g) for g in groups)


@pytest.mark.slow
def test_the_kdc_of_a_domain_says_why_it_gives_no_ticket(domain, member):
    def by_password(user, password):
        answer = member.ask("by-password", domain.keytab, "HTTP/web.ad.lab.test", user, "ad.lab.test", password)
        return answer.split(" ")[1] if answer.startswith("initiate: ") else answer.split(" ")[0]

    assert by_password("Jürgen", "Geheim3ß") == "ok"
    assert by_password("bob", "wrong") == "wrong-password"
    assert by_password("nobody", "wrong") == "no-such-user"
    assert by_password("off", "Secret4") == "account-disabled"
    assert by_password("stale", "Secret9") == "password-expired"


@pytest.mark.slow
def test_restarts_of_winbind_are_survived(member, domain):
    assert member.reason("ntlm", "bob", "ADLAB", "Secret2") == "ok"
    domain.stop_winbind()
    try:
        assert member.reason("ntlm", "bob", "ADLAB", "Secret2") == "verifier-unavailable"
        assert member.reason("password", "bob", "Secret2") == "verifier-unavailable"
    finally:
        domain.start_winbind()
    assert member.reason("ntlm", "bob", "ADLAB", "Secret2") == "ok"
    assert member.reason("ntlm", "bob", "ADLAB", "wrong") == "wrong-password"


@pytest.mark.slow
def test_a_domain_controller_that_is_away_refuses_nobody(member, domain):
    """Last of all: winbind may take its time to come back from it."""
    link = lambda state: subprocess.run(domain.inside("mb1", "ip", "link", "set", "vmb1", state), check=True)
    link("down")
    try:
        began = time.monotonic()
        assert member.ask("ntlm", "bob", "ADLAB", "Secret2", seconds=100).split(" ")[0] == "verifier-unavailable"
        print(f"after {time.monotonic() - began:.1f} s")
    finally:
        link("up")
    for _ in range(40):
        reason = member.ask("ntlm", "bob", "ADLAB", "Secret2", seconds=100).split(" ")[0]
        if reason == "ok":
            break
        assert reason == "verifier-unavailable"
        time.sleep(1)
    assert reason == "ok"


# ---- an MIT realm


@pytest.fixture
def alice(ask, kdc):
    return ask(env=kdc.client_env("alice"))


def ktutil(kdc, commands):
    subprocess.run(["ktutil"], input=commands, text=True, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                   env={**os.environ, "KRB5_CONFIG": kdc.config})


def without(kdc, path, text, *, kvno=None):
    """A copy of the keytab with the keys of SPN alone, changed: other enctypes or another version."""
    if os.path.exists(path):
        os.unlink(path)
    version = kvno or 2
    lines = "".join(f"addent -password -p {SPN}@LAB.TEST -k {version} -e {enctype}\nnot the password\n" for enctype in text.split())
    ktutil(kdc, lines + f"wkt {path}\nq\n")
    return path


def test_a_ticket_is_accepted_once(alice, kdc):
    answer = alice.ask("accept", kdc.keytab, SPN)
    assert answer.startswith(r"ok shown=LAB\alice name=alice domain=LAB upn=alice@lab.test ")
    assert field(answer, "mics") == "fine" and field(answer, "ends") == "1" and " again=replay " in answer
    assert alice.ask("accept", kdc.keytab, SPN).startswith("ok "), "another ticket is no replay"


def test_without_a_pac_and_without_winbind_nobody_knows_the_groups(kdc, ask):
    hidden = ["unshare", "-m", "sh", "-c", 'mkdir -p /run/samba && mount -t tmpfs tmpfs /run/samba && exec "$@"', "sh"]
    answer = ask(hidden, env=kdc.client_env("alice")).ask("accept", kdc.keytab, SPN)
    assert answer.startswith(r"ok shown=LAB\alice ") and field(answer, "unresolved") == "1" and not field(answer, "groups")


@pytest.mark.slow
def test_without_a_pac_winbind_says_which_groups_an_account_is_in(lab, domain, ask):
    """A realm that calls its accounts as the domain does."""
    kdc = Kdc(lab, "ADLAB.TEST", "krb-adlab")
    for user in ("alice", "bob"):
        subprocess.run(["kvno", "-q", SPN], env={**os.environ, **kdc.client_env(user)}, check=True)  # no KDC is reached from in there
        answer = ask(domain.inside("mb1"), env=kdc.client_env(user)).ask("accept", kdc.keytab, SPN)
        assert answer.startswith(rf"ok shown=ADLAB\{user} ") and field(answer, "unresolved") == "0", answer
        assert {r"ADLAB\proxyusers", r"ADLAB\everyproxy"} <= set(field(answer, "groups").split("|")), answer
        assert (r"ADLAB\webusers" in answer) == (user == "alice")


def test_channel_bindings(alice, kdc):
    mine, other = "tls-server-end-point:" + "a" * 32, "tls-server-end-point:" + "b" * 32
    assert field(alice.ask("accept", kdc.keytab, SPN, mine, mine), "bound") == "1"
    assert alice.reason("accept", kdc.keytab, SPN, mine, other) == "channel-bindings-wrong"
    unbound = alice.ask("accept", kdc.keytab, SPN, "", mine)
    assert unbound.startswith("ok ") and field(unbound, "bound") == "0"


def test_a_key_that_is_not_there_is_named(alice, kdc, lab):
    path = f"{lab.folder('keytabs')}/some.keytab"
    shutil.copy(kdc.keytab, path)
    assert alice.reason("accept", path, SPN) == "ok"
    answer = alice.ask("accept", without(kdc, path, "aes256-cts-hmac-sha1-96", kvno=7), SPN)
    assert answer.startswith("wrong-kvno ") and f"the ticket is for {SPN}@LAB.TEST, key version 2" in answer
    assert alice.reason("accept", without(kdc, path, "aes128-cts-hmac-sha1-96"), SPN) == "wrong-enctype"
    assert alice.reason("accept", without(kdc, path, "aes256-cts-hmac-sha1-96"), SPN) == "wrong-kvno", "another key of that version"
    os.unlink(path)
    assert alice.reason("accept", path, SPN) == "verifier-unavailable"
    ktutil(kdc, f"addent -password -p HTTP/other@LAB.TEST -k 2 -e aes256-cts-hmac-sha1-96\nx\nwkt {path}\nq\n")
    answer = alice.ask("accept", path, SPN)
    assert answer.startswith("wrong-spn ") and "such as HTTP/other@LAB.TEST" in answer
    shutil.copy(kdc.keytab, path)
    assert alice.reason("accept", path, SPN) == "ok", "a keytab that was replaced counts at once"


def test_clocks_that_differ_are_both_named(alice, kdc, lab):
    with open(kdc.config) as f:
        strict = lab.write("krb/strict.conf", f.read().replace("[libdefaults]\n", "[libdefaults]\n  clockskew = 1\n", 1))
    answer = alice.ask("late", kdc.keytab, SPN, "3", strict)
    assert answer.startswith("clock-skew ")
    assert re.search(r"the client's clock says \d{4}-\d\d-\d\d \d\d:\d\d:\d\d, ours \d{4}-", answer)


def test_signing_in_with_a_password_or_a_keytab(ask, kdc):
    nobody = ask(env={"KRB5_CONFIG": kdc.config, "KRB5CCNAME": "/nonexistent"})
    assert nobody.ask("accept", kdc.keytab, SPN).startswith("initiate: ")
    assert r"shown=LAB\bob " in nobody.ask("by-password", kdc.keytab, SPN, "bob", "lab.test", "Secret2")
    assert nobody.ask("by-password", kdc.keytab, SPN, "bob", "", "wrong").startswith("initiate: wrong-password ")
    assert nobody.ask("by-password", kdc.keytab, SPN, "nobody", "", "x").startswith("initiate: no-such-user ")
    assert nobody.ask("by-password", kdc.keytab, "HTTP/nowhere.lab.test", "bob", "", "Secret2").startswith("initiate: wrong-spn ")
    assert "name=HTTP/proxy2.lab.test " in nobody.ask("by-keytab", kdc.keytab, SPN, "HTTP/proxy2.lab.test", kdc.keytab)


def test_a_wrong_password_reaches_the_kdc_once_however_many_wait(ask, kdc):
    def requests():
        with open(f"{kdc.folder}/kdc.log") as f:
            return sum("AS_REQ" in line and "bob@LAB.TEST for krbtgt" in line for line in f)

    verify = ask(env={"KRB5_CONFIG": kdc.config})
    before = requests()
    assert verify.ask("storm", "32", SPN, "bob", "wrong") == "32 of 32 failed, wrong-password"
    assert requests() - before == 1
    assert verify.ask("storm", "32", SPN, "bob", "Secret2") == "0 of 32 failed, ok"
    assert requests() - before == 2


def test_what_a_keytab_has(alice, kdc):
    listed = alice.ask("list", kdc.keytab)
    assert listed.startswith("0 ") and f"{SPN}@LAB.TEST, key version 2, aes256-cts-hmac-sha1-96;" in listed
    assert alice.ask("serves", kdc.keytab, "proxy.lab.test") == "1"
    assert alice.ask("serves", kdc.keytab, "Proxy.Lab.Test") == "1"
    assert alice.ask("serves", kdc.keytab, "lab.test") == "0"
    assert alice.ask("serves", "/nonexistent", "lab.test") == "-2"
