"""`fairlead check` looks up what signing in needs, and warns of what would end as error 12201."""

import json
import os
import shutil
import subprocess

import pytest

from lab.domain import Domain
from lab.fairlead import BINARY
from lab.kdc import Kdc
from lab.proxy_signin import Accounts
from lab.winbind import Winbind

LISTEN = 'listen "127.0.0.1:3999" { name = "proxy.lab.test"  sign-on = {negotiate, ntlm}  accounts = {%s} }\n'


@pytest.fixture
def check(lab):
    """Runs it on a text; gives its status, what it printed, and its JSON."""
    def run(text, prefix=(), **env):
        file = lab.write(f"check{lab.number('check')}.conf", text)
        runs = [subprocess.run([*prefix, BINARY, "check", "-c", file, *more], capture_output=True, text=True, timeout=60,
                               env={**os.environ, **env}) for more in ([], ["--json"])]
        assert runs[0].returncode == runs[1].returncode
        found = json.loads(runs[1].stdout)
        assert found["fine"] == (runs[0].returncode == 0)
        return runs[0].returncode, runs[0].stdout, found
    return run


def complaints(found, kind="warning"):
    return [c["text"] for c in found["complaints"] if c["kind"] == kind]


def test_the_keytab_is_listed_and_must_have_the_name_that_clients_use(check, lab):
    kdc, accounts = lab.part(Kdc), Accounts(lab, alice="Secret1", bob="Secret2")
    own = shutil.copy(kdc.keytab, f"{lab.folder('keytabs')}/own.keytab")
    os.chmod(own, 0o600)
    text = LISTEN % "local" + f'accounts local {{ file = "{accounts.file}" }}\nkerberos {{ keytab = "{own}" }}\n'
    status, said, found = check(text, KRB5_CONFIG=kdc.config)
    assert status == 0 and not complaints(found), said
    assert f"local: 2 in {accounts.file}" in said
    keys = [k for k in found["keytab"]["keys"] if k["principal"] == "HTTP/proxy.lab.test@LAB.TEST"]
    assert {(k["version"], k["encryption"]) for k in keys} == {(2, "aes256-cts-hmac-sha1-96"), (2, "aes128-cts-hmac-sha1-96")}
    assert "HTTP/proxy.lab.test@LAB.TEST, key version 2, aes256" in said
    assert found["accounts"] == [{"name": "local", "file": accounts.file, "accounts": 2}]
    for name, words in (("proxy9.lab.test", "no key of HTTP/proxy9.lab.test"), ("10.1.2.3", "no Kerberos ticket for an address")):
        status, said, found = check(text.replace("proxy.lab.test", name), KRB5_CONFIG=kdc.config)
        assert status == 0 and [w for w in complaints(found) if words in w], said


def test_the_keytab_must_have_the_names_of_sites_too(check, lab):
    kdc = lab.part(Kdc)
    own = shutil.copy(kdc.keytab, f"{lab.folder('site-keytab')}/own.keytab")
    os.chmod(own, 0o600)
    sites = "".join(f'site "{name}" {{ listen = {{"http://127.0.0.1:{port}"}}  sign-on = {{{scheme}}}  application = app  accounts = {{local}} }}\n'
                    for name, scheme, port in (("site1.lab.test", "negotiate", 3990), ("nowhere.lab.test", "negotiate", 3991),
                                               ("*.lab.test", "negotiate", 3992), ("other.lab.test", "ntlm", 3993)))
    status, said, found = check(f'kerberos {{ keytab = "{own}" }}\napplication app {{ member "http://127.0.0.1:1" {{ }} }}\n'
                                f'accounts local {{ file = "{Accounts(lab, alice="Secret1").file}" }}\n{sites}', KRB5_CONFIG=kdc.config)
    assert status == 0, said
    assert [w.split(":")[0] for w in complaints(found) if "has no key of" in w] == ["site nowhere.lab.test"], said


def test_a_keytab_that_is_none_is_an_error(check, lab):
    file = lab.write("none.keytab", "this is no keytab", 0o600)
    status, said, found = check('listen "127.0.0.1:3999" { sign-on = {negotiate} }\nkerberos { keytab = "%s" }\n' % file)
    assert status == 1 and "the keytab cannot be used" in complaints(found, "error")[0]


def test_a_mistake_in_the_accounts_file_is_named(check, lab):
    accounts = Accounts(lab, alice="Secret1")
    with open(accounts.file, "a") as f:
        f.write("bob:this is no hash\n")
    status, said, found = check(LISTEN % "local" + f'accounts local {{ file = "{accounts.file}" }}\n')
    error, = complaints(found, "error")
    assert status == 1 and error.startswith("accounts local: ") and "accounts:4: an account has 6 fields" in error, error


def test_winbind_is_asked(check, lab):
    text = LISTEN % "corp" + "accounts corp { windows-domain = winbind }\n"
    status, said, found = check(text, prefix=lab.part(Winbind).inside())
    assert status == 0 and "winbindd verifies for LAB as LAB" in said
    hidden = ["unshare", "-m", "sh", "-c", 'mkdir -p /run/samba && mount -t tmpfs tmpfs /run/samba && exec "$@"', "sh"]
    status, said, found = check(text, prefix=hidden)
    assert status == 0, "another service's state of the moment; serve starts without it"
    assert [w for w in complaints(found) if "winbindd does not answer" in w and "verifier-unavailable" in w]


def test_names_in_rules_are_asked_of_winbind(check, lab):
    rules = r"""access { action = allow  users = {'LAB\alice', 'LAB\nobody', "local", "alice@lab.test"}  groups = {'LAB\Nogroup', 'BUILTIN\Users'} }
access { action = deny  groups = {'LAB\alice', 'ELSEWHERE\Staff'} }
"""
    text = LISTEN % "corp" + "accounts corp { windows-domain = winbind }\n" + rules
    status, said, found = check(text, prefix=lab.part(Winbind).inside())
    named = [" ".join(w.split(": ")[0].split(" ")[3:]) for w in complaints(found) if w.startswith("winbind knows no ")]
    assert status == 0 and named == [r"user LAB\nobody", r"group LAB\Nogroup", r"group LAB\alice", r"group ELSEWHERE\Staff"], said


@pytest.mark.slow
def test_names_of_a_domain_are_asked_of_it(check, lab):
    rules = r"""access { action = allow  users = {'ADLAB\alice', 'ADLAB\nobody'}  groups = {'ADLAB\webusers', 'ADLAB\Domain Users', 'ADLAB\Büro Nord', 'ADLAB\Buero'} }
"""
    status, said, found = check(LISTEN % "corp" + "accounts corp { windows-domain = winbind }\n" + rules, prefix=lab.part(Domain).inside("mb1"))
    assert status == 0 and "winbindd verifies for ADLAB as MB1" in said
    assert [w.split(": ")[0] for w in complaints(found)] == [r"winbind knows no user ADLAB\nobody", r"winbind knows no group ADLAB\Buero"], said


@pytest.mark.parametrize("secret, mode, credentials, words", [
    ("secret\n", 0o644, "password-file", "is open to other users"),
    ("", 0o600, "password-file", "is empty"),
    ("0123\n", 0o600, "nt-hash-file", "32 hexadecimal digits"),
])
def test_secrets_for_parents_are_read(check, lab, secret, mode, credentials, words):
    file = lab.write(f"secret{lab.number('secret')}", secret, mode)
    status, said, found = check(f'listen "127.0.0.1:3999" {{ }}\nroute {{ to = {{"*"}}  via = up }}\nupstream up {{\n'
                                f'member "proxy.example:8080" {{ }}\n'
                                f'credentials {{ scheme = {{ntlm}}  account = "svc"  {credentials} = "{file}" }}\n}}\n')
    error, = complaints(found, "error")
    assert status == 1 and words in error and "12201" in error, error
    assert "secret" not in said.replace(file, "")


def test_a_keytab_of_ours_must_have_the_account(check, lab):
    kdc = lab.part(Kdc)
    own = shutil.copy(kdc.keytab, f"{lab.folder('own-keytab')}/own.keytab")
    os.chmod(own, 0o600)

    def with_account(account):
        return check(f'listen "127.0.0.1:3999" {{ }}\nroute {{ to = {{"*"}}  via = up }}\nupstream up {{ member "proxy.example:8080" {{ }}\n'
                     f'credentials {{ scheme = {{negotiate}}  account = "{account}"  keytab = "{own}" }} }}\n', KRB5_CONFIG=kdc.config)
    for account in ("HTTP/proxy.lab.test", "HTTP/proxy.lab.test@LAB.TEST"):
        assert not complaints(with_account(account)[2])
    assert ["has no key of svc" in w for w in complaints(with_account("svc")[2])] == [True]


def test_what_leads_to_12201_is_said_beforehand(check, lab):
    """Each that can be known from one file: by its sub-reason."""
    file = lab.write("svc.secret", "secret\n", 0o600)
    accounts = Accounts(lab, svc="Secret1").file

    def warnings(listen, credentials, scheme="ntlm", member="127.0.0.1:3998"):
        block = f"credentials {{ scheme = {{{scheme}}}  account = 'svc'  password-file = \"{file}\"  {credentials} }}" if credentials is not None else ""
        text = (f'listen "127.0.0.1:3999" {{ }}\nlisten "127.0.0.1:3998" {{ {listen} }}\naccounts local {{ file = "{accounts}" }}\n'
                f'upstream up {{ member "{member}" {{ }}  {block} }}\nroute {{ to = {{"*"}}  via = up }}\n')
        return " | ".join(complaints(check(text)[2]))

    signed = "sign-on = {ntlm}  accounts = {local}  "
    assert "12201 parent-did-not-ask" in warnings("", "")
    assert "12201 parent-wants-sign-in" in warnings(signed, None)
    assert "12201 parent-sign-in-failed" in warnings(signed, "")
    assert "12201" not in warnings(signed + 'intermediaries = {"127.0.0.1"}', "")
    elsewhere = dict(member="proxy.example:8080")
    assert "error 12201" in warnings(signed, "send = when-asked", **elsewhere)
    assert "error 12201" in warnings(signed, "", "basic", **elsewhere) and "Basic shows the password" in warnings(signed, "", "basic", **elsewhere)
    assert "12201" not in warnings(signed, "send = always", **elsewhere)
    assert "the member 192.0.2.7:8080 is an address" in warnings(signed, "", "negotiate", member="192.0.2.7:8080")
