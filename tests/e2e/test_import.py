"""`fairlead import`: what it prints is accepted by `fairlead check`, apart from files that are still to be made; and no password is ever printed."""

import re
import subprocess

import pytest

from lab.fairlead import BINARY

CNTLM = """#
# Cntlm Authentication Proxy Configuration
#
Username\talice
Domain\t\tCORP
{secret}
Workstation\tlaptop
Proxy\t\tproxy1.corp.example:8080
Proxy\t\tproxy2.corp.example:8080   ; the other one
NoProxy\t\tlocalhost, 127.0.0.*, 10.*, 192.168.*, *.corp.example, host?.example
Listen\t\t3128
Listen\t\t127.0.0.1:3130
Gateway\tyes
Allow\t\t10.1.0.0/16
Deny\t\t10.9/16
Allow\t\t10.0.0.0/8
Deny\t\t0/0
Auth\t\tLM
SOCKS5Proxy\t8010
SOCKS5User\tdave:Canary-socks
Header\t\tAuthorization: Canary-header
Tunnel\t\t11443:remote.example:443
"""

SQUID = """acl localnet src 0.0.0.1-0.255.255.255\t# RFC 1122
acl localnet src 10.0.0.0/8
acl localnet src 172.16.0.0/255.240.0.0
acl localnet src fc00::/7
acl SSL_ports port 443
acl Safe_ports port 80\t\t# http
acl Safe_ports port 443
acl Safe_ports port 1025-65535
acl intranet dstdomain .corp.example
acl updates dstdomain .windowsupdate.example
acl bad url_regex -i casino
acl staff proxy_auth REQUIRED
auth_param negotiate program /usr/lib/squid/negotiate_kerberos_auth -k /etc/squid.keytab
auth_param ntlm program /usr/bin/ntlm_auth --helper-protocol=squid-2.5-ntlmssp
auth_param basic program /usr/lib/squid/basic_ldap_auth -w Canary-ldap -b dc=corp
auth_param basic realm Corp's proxy
http_access deny !Safe_ports
http_access deny CONNECT !SSL_ports
http_access allow localhost manager
http_access deny manager
http_access deny to_localhost
http_access deny bad
http_access allow updates
http_access allow staff
http_access deny all
http_port 3128
http_port 3129 intercept
https_port 3130 tls-cert=/etc/squid/proxy.pem
cache_peer proxy1.corp.example parent 8080 0 no-query default login=alice:Canary-peer
cache_peer proxy2.corp.example parent 8080 0 no-query backup
cache_peer other.corp.example sibling 3128 3130
always_direct allow intranet
never_direct allow all
cache_mgr helpdesk@corp.example
cache_dir ufs /var/spool/squid 100 16 256
refresh_pattern . 0 20% 4320
wondrous_option on
"""


def imported(lab, program, text):
    file = lab.write(f"{program}.conf", text)
    done = subprocess.run([BINARY, "import", program, file], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    assert "Canary" not in done.stdout + done.stderr
    return done.stdout


def errors(lab, settings):
    """What check calls an error, but for files that cannot be read."""
    checked = subprocess.run([BINARY, "check", "-c", lab.write("imported.conf", settings)], capture_output=True, text=True, timeout=20)
    found = re.findall(r"error: .*", checked.stdout + checked.stderr)
    return [e for e in found if "cannot be read: No such file" not in e]


@pytest.mark.parametrize("secret, says", [
    ("Password\t\"Canary # secret\"", "password-file = '/etc/fairlead/parent.secret'"),
    ("PassNT  Canary77B9081511704EE852F94227CF48A", "nt-hash-file = '/etc/fairlead/parent.nthash'"),
    ("PassNTLMv2  CanaryD5826E9C665C37C80B53397D5", "does not lead back to it"),
    ("", "there is no password in the file"),
])
def test_cntlm(lab, secret, says):
    text = imported(lab, "cntlm", CNTLM.format(secret=secret))
    assert says in text and "account = 'CORP\\alice'" in text
    assert "listen '*:3128'" in text and "listen '127.0.0.1:3130'" in text
    assert "member 'proxy1.corp.example:8080' { }" in text and "member 'proxy2.corp.example:8080' { backup = true }" in text
    assert "'127.0.0.0/24', '10.0.0.0/8', '192.168.0.0/16', '*.corp.example'}  via = direct" in text
    assert "clients = {'10.1.0.0/16', '10.0.0.0/8'}" in text
    assert "action = deny  from = {'10.9.0.0/16'}" in text
    for word in ("Tunnel", "SOCKS5Proxy", "SOCKS5User", "Header", "Auth:", "Workstation", "host?.example"):
        assert re.search(rf"^#.*{re.escape(word)}", text, re.MULTILINE), word
    assert errors(lab, text) == []


def test_the_command_that_moves_the_hash_does(lab):
    """The line in the comment, carried out."""
    digits = "77B9081511704EE852F94227CF48A793"
    text = imported(lab, "cntlm", f"Username a\nDomain b\nPassNT\t{digits}\nProxy p.example:1\n")
    assert digits not in text
    command = re.search(r"#   (\(umask 077; sed .*?) > \S+\)", text).group(1) + ")"
    assert subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout == digits + "\n"


def test_squid(lab):
    text = imported(lab, "squid", SQUID)
    assert "connect-ports = {'443'}" in text
    assert "access { action = deny  sign-on = none  ports = {'1-79', '81-442', '444-1024'} }" in text
    assert "access { action = allow  sign-on = none  to = {'windowsupdate.example', '*.windowsupdate.example'} }" in text
    assert "access { action = allow }\naccess { action = deny }\n" in text
    assert "sign-on = {negotiate, ntlm, basic}" in text and "windows-domain = winbind" in text
    assert "listen '*:3130'" in text and "certificate = '/etc/squid/proxy.pem'" in text
    assert "account = 'alice'" in text and "scheme = {basic}" in text
    assert "member 'proxy2.corp.example:8080' { backup = true }" in text and "or-direct" not in text
    assert "route { to = {'corp.example', '*.corp.example'}  via = direct }" in text
    assert "TAKE CARE: 1 rule" in text
    for word in ("url_regex|bad", "intercept", "other.corp.example", "cache_dir", "refresh_pattern", "wondrous_option"):
        assert re.search(rf"^#.*({word})", text, re.MULTILINE), word
    assert errors(lab, text) == []


def test_squids_default_file(lab):
    """Without sign-in and parents."""
    text = imported(lab, "squid", """acl localnet src 10.0.0.0/8
acl SSL_ports port 443
http_access deny CONNECT !SSL_ports
http_access allow localnet
http_access allow localhost
http_access deny all
http_port 3128
""")
    assert "clients = {'10.0.0.0/8', '127.0.0.0/8', '::1'}" in text and "sign-on" not in text
    assert errors(lab, text) == []


@pytest.mark.parametrize("login", ["PASS", "PASSTHRU"])
def test_squids_login_that_is_passed_on(lab, login):
    text = imported(lab, "squid", f"cache_peer p.corp.example parent 8080 0 login={login}\nhttp_access allow all\n")
    assert "credentials { scheme = {relay} }" in text and "or-direct" not in text and "sign-on" not in text
    assert errors(lab, text) == []
    signs_in = "auth_param basic program /usr/lib/squid/basic_ldap_auth\nacl staff proxy_auth REQUIRED\nhttp_access allow staff\n"
    text = imported(lab, "squid", f"cache_peer p.corp.example parent 8080 0 login={login}\n{signs_in}")
    assert "credentials { scheme = {on-behalf} }" in text and "sign-on = {basic}" in text
    assert errors(lab, text) == []


def test_lines_go_on_behind_a_backslash_and_keep_their_numbers(lab):
    text = imported(lab, "squid", """acl net src 10.0.0.0/8 \\
    192.168.0.0/16
http_access allow net
wondrous_option on
""")
    assert "from = {'10.0.0.0/8', '192.168.0.0/16'}" in text and "squid.conf:4: wondrous_option" in text
    assert errors(lab, text) == []


@pytest.mark.parametrize("words, status", [([], 2), (["cntlm"], 2), (["nginx", "f"], 2), (["cntlm", "/nonexistent"], 1)])
def test_how_it_is_called(words, status):
    assert subprocess.run([BINARY, "import", *words], capture_output=True, timeout=20).returncode == status
