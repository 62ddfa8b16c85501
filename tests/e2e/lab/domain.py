"""A Windows domain from nothing: Samba as domain controller DC1 and a joined member MB1, each a "host" of its own with private network, mount,
process and host name namespaces, tied by one veth pair. Nothing of the machine's Samba is touched, no packet leaves it, and all that Samba starts ends
with it. About a quarter of a minute to start.

Who runs inside (`inside("mb1", ...)`) sees winbind of the member, a krb5.conf of the realm, and the names of the domain."""

import os
import subprocess

from .processes import Process, wait_until

REALM, DOMAIN, DNS = "AD.LAB.TEST", "ADLAB", "ad.lab.test"
USERS = {"alice": "Secret1", "bob": "Secret2", "Jürgen": "Geheim3ß"}

_HOST = r"""
set -e
S=$1 h=$2
for d in /run/samba /var/lib/samba /var/cache/samba /etc/samba /var/log/samba; do
	mkdir -p $d; mount -t tmpfs -o mode=755 tmpfs $d
done
for f in hosts resolv.conf krb5.conf; do [ -e /etc/$f ] || : > /etc/$f; mount --bind $S/$f /etc/$f; done
hostname $h
ip link set lo up
: > $S/$h.made
until ip link show v$h >/dev/null 2>&1; do sleep .05; done
"""

_DC = _HOST + r"""
ip addr add 10.77.0.1/24 dev vdc1
ip link set vdc1 up
samba-tool domain provision --realm=AD.LAB.TEST --domain=ADLAB --adminpass=Adm1n-Secret --server-role=dc --dns-backend=SAMBA_INTERNAL \
	--host-name=dc1 --host-ip=10.77.0.1 --option="interfaces=127.0.0.1 10.77.0.1" --option="bind interfaces only=yes" \
	--option="ntlm auth=ntlmv2-only" --option="server services=-dnsupdate,-ntp_signd,-wrepl" \
	--option="load printers=no" --option="disable spoolss=yes"
# A forwarder that is the server itself makes a loop.
sed -i '/dns forwarder/d' /etc/samba/smb.conf
/usr/bin/python3 $S/fill.py $S/http.keytab $S/parent.keytab
chmod 644 $S/http.keytab $S/parent.keytab
exec samba -F --no-process-group
"""

_MEMBER = _HOST + r"""
ip addr add 10.77.0.2/24 dev vmb1
ip link set vmb1 up
mkdir -p -m 700 /var/lib/samba/private
cat > /etc/samba/smb.conf <<C
[global]
 workgroup = ADLAB
 realm = AD.LAB.TEST
 security = ads
 netbios name = MB1
 interfaces = 127.0.0.1 10.77.0.2
 bind interfaces only = yes
 idmap config * : backend = tdb
 idmap config * : range = 100000-199999
 idmap config ADLAB : backend = rid
 idmap config ADLAB : range = 200000-299999
C
until ldbsearch -H ldap://dc1.ad.lab.test -U 'ADLAB\alice%Secret1' -s base dn >/dev/null 2>&1; do sleep .1; done
net ads join -U 'Administrator%Adm1n-Secret' --no-dns-updates
while :; do
	chmod 750 /var/lib/samba/winbindd_privileged 2>/dev/null || : # as it insists
	winbindd -F --no-process-group || :
	[ -e $S/stay-away ] && until [ ! -e $S/stay-away ]; do sleep .05; done
done
"""

# Everything that a domain controller can say about an account, in one process: samba-tool takes a second for each.
_FILL = r"""
import sys, ldb, samba.dckeytab
from samba.auth import system_session
from samba.net import Net
from samba.param import LoadParm
from samba.samdb import SamDB
keytab, parent_keytab = sys.argv[1:]
lp = LoadParm(); lp.load_default()
db = SamDB(session_info=system_session(), lp=lp)
top = str(db.domain_dn())
def modify(dn, **values):
    m = ldb.Message(ldb.Dn(db, dn))
    for name, value in values.items():
        m[name] = ldb.MessageElement(value, ldb.FLAG_MOD_REPLACE, name)
    db.modify(m)
def dn(user):
    return f"CN={user},CN=Users,{top}"
modify(top, pwdProperties="0", minPwdLength="1", minPwdAge="0", maxPwdAge="-36288000000000", pwdHistoryLength="0", lockoutThreshold="5",
       lockoutDuration="-36000000000", lockOutObservationWindow="-36000000000")
for user, password in [("alice", "Secret1"), ("bob", "Secret2"), ("Jürgen", "Geheim3ß"), ("svcproxy", "SvcSecret2"), ("svcparent", "SvcSecret3"), ("off", "Secret4"),
                       ("gone", "Secret5"), ("new", "Secret6"), ("night", "Secret7"), ("locked", "Secret8"), ("stale", "Secret9"),
                       ("elsewhere", "Secret10")]:
    db.newuser(user, password, force_password_change_at_next_login_req=user == "new")
db.disable_account("(sAMAccountName=off)")
modify(dn("gone"), accountExpires="1")
modify(dn("night"), logonHours=bytes(21))
modify(dn("elsewhere"), userWorkstations="OTHERPC")
for group, members in [("webusers", ["alice"]), ("proxyusers", ["alice", "bob"]), ("Büro Nord", ["Jürgen"])]:
    db.newgroup(group)
    db.add_remove_group_members(group, members, add_members_operation=True)
db.newgroup("everyproxy")
db.add_remove_group_members("everyproxy", ["proxyusers"], add_members_operation=True)
m = ldb.Message(ldb.Dn(db, dn("stale")))
m["pwdLastSet"] = ldb.MessageElement("130000000000000000", ldb.FLAG_MOD_REPLACE, "pwdLastSet")
db.modify(m, controls=["local_oid:1.3.6.1.4.1.7165.4.3.20:0"])  # may be set to any time
names = ["HTTP/proxy.ad.lab.test", "HTTP/web.ad.lab.test"]
modify(dn("svcproxy"), servicePrincipalName=names)
modify(dn("svcproxy"), **{"msDS-SupportedEncryptionTypes": "24"})
db.setpassword("(sAMAccountName=svcproxy)", "SvcSecret2")  # keys of the types just named
for name in names + ["svcproxy"]:
    Net(None, lp).export_keytab(keytab=keytab, principal=name)
# A parent proxy to which svcproxy may delegate, and another name of it to which it may not.
parents = ["HTTP/parent.ad.lab.test", "HTTP/otherparent.ad.lab.test"]
modify(dn("svcparent"), servicePrincipalName=parents)
modify(dn("svcparent"), **{"msDS-SupportedEncryptionTypes": "24"})
db.setpassword("(sAMAccountName=svcparent)", "SvcSecret3")
modify(dn("svcproxy"), **{"msDS-AllowedToDelegateTo": parents[:1]})
for name in parents:
    Net(None, lp).export_keytab(keytab=parent_keytab, principal=name)
"""

_HOSTS = """127.0.0.1 localhost
10.77.0.1 dc1.ad.lab.test dc1
10.77.0.2 mb1.ad.lab.test mb1 web.ad.lab.test proxy.ad.lab.test
"""

_KRB5 = """[libdefaults]
 default_realm = AD.LAB.TEST
 dns_lookup_kdc = false
 dns_lookup_realm = false
 rdns = false
 dns_canonicalize_hostname = false
[realms]
 AD.LAB.TEST = {
  kdc = dc1.ad.lab.test
 }
[domain_realm]
 .ad.lab.test = AD.LAB.TEST
"""


class Domain:
    def __init__(self, lab):
        self.folder = lab.folder("domain")
        for name, text in (("hosts", _HOSTS), ("resolv.conf", "nameserver 10.77.0.1\nsearch ad.lab.test\n"), ("krb5.conf", _KRB5),
                           ("fill.py", _FILL)):
            lab.write(f"domain/{name}", text)
        self.keytab, self.parent_keytab = f"{self.folder}/http.keytab", f"{self.folder}/parent.keytab"
        self.hosts = {name: self._host(lab, name, script) for name, script in (("dc1", _DC), ("mb1", _MEMBER))}
        for name, host in self.hosts.items():
            host.wait_for(lambda: os.path.exists(f"{self.folder}/{name}.made"), "namespaces")
        subprocess.run(["nsenter", "-t", str(self.hosts["dc1"].pid), "-n", "ip", "link", "add", "vdc1", "type", "veth", "peer", "name",
                        "vmb1", "netns", str(self.hosts["mb1"].pid)], check=True)
        self.hosts["mb1"].wait_for(self._ready, "wbinfo -t", 120)
        self._open_pipe()

    def _open_pipe(self):
        """Who is no root needs the privileged pipe: packages put them into group winbindd_priv."""
        subprocess.run(self.inside("mb1", "chmod", "755", "/var/lib/samba", "/var/lib/samba/winbindd_privileged"), check=True)

    def _ready(self):
        dc = self.hosts["dc1"]
        assert dc.alive(), f"the domain controller ended:\n{dc.printed()[-3000:]}"
        return self.answers("-t")

    def _host(self, lab, name, script):
        return Process(lab, name, ["unshare", "-n", "-m", "-u", "-p", "--fork", "--kill-child", "--propagation", "private", "sh", "-c", script, "sh", self.folder, name])

    def inside(self, host, *argv):
        return ["nsenter", "-t", str(self.hosts[host].pid), "-n", "-m", "-u", "--", *map(str, argv)]

    def answers(self, *question):
        return subprocess.run(self.inside("mb1", "wbinfo", *question), stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode == 0

    def ticket(self, user, forwardable=True):
        path = f"{self.folder}/cc.{user}{'' if forwardable else '.fixed'}"
        subprocess.run(self.inside("mb1", "kinit", "-f" if forwardable else "-F", "-c", path, f"{user}@{REALM}"), input=USERS[user] + "\n", text=True, check=True,
                       stdout=subprocess.DEVNULL)
        return path

    def winbind_pids(self):
        """Of the member's, children too."""
        ours = os.readlink(f"/proc/{self.hosts['mb1'].pid}/ns/mnt")
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/comm") as f:
                    if f.read().strip().startswith("winbindd") and os.readlink(f"/proc/{pid}/ns/mnt") == ours:
                        found.append(int(pid))
            except OSError:
                continue
        return found

    def stop_winbind(self):
        """Until start_winbind()."""
        open(f"{self.folder}/stay-away", "w").close()
        self.kill_winbind()

    def kill_winbind(self):
        before = self.winbind_pids()
        for pid in before:
            try:
                os.kill(pid, 15)
            except ProcessLookupError:
                pass
        wait_until(lambda: not set(before) & set(self.winbind_pids()), "winbindd to end")

    def start_winbind(self):
        try:
            os.unlink(f"{self.folder}/stay-away")
        except FileNotFoundError:
            pass
        wait_until(lambda: self.answers("-t"), "winbindd", 30)
        self._open_pipe()
