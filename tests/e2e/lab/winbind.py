"""Standalone winbindd: checks NTLMv2 for the domain LAB without any domain controller.

libwbclient has its socket's path compiled in, so winbindd lives in a private mount namespace with tmpfs over Samba's
folders; who wants to ask it joins that namespace (`inside`). The namespace ends with its processes."""

import subprocess

from .processes import Process

USERS = {"alice": "Secret1", "bob": "Secret2", "svc": "Canary-4711-svc"}

_SCRIPT = r"""
set -e
S=$1
for d in /run/samba /var/lib/samba /var/cache/samba /etc/samba /var/log/samba; do
	mkdir -p $d; mount -t tmpfs -o mode=755 tmpfs $d
done
mkdir -m 700 /var/lib/samba/private
cp /etc/passwd $S/passwd
printf 'alice:x:61001:65534::/:/bin/false\nbob:x:61002:65534::/:/bin/false\nsvc:x:61003:65534::/:/bin/false\n' >> $S/passwd
mount --bind $S/passwd /etc/passwd
cat > /etc/samba/smb.conf <<C
[global]
 workgroup = LABWG
 netbios name = LAB
 security = user
 passdb backend = tdbsam
 interfaces = lo
 bind interfaces only = yes
 disable netbios = yes
 server role = standalone server
 ntlm auth = ntlmv2-only
C
for u in alice:Secret1 bob:Secret2 svc:Canary-4711-svc; do printf '%s\n%s\n' ${u#*:} ${u#*:} | pdbedit -t -a ${u%:*} >/dev/null; done
exec winbindd -F --no-process-group
"""


class Winbind:
    def __init__(self, lab):
        folder = lab.folder("winbind")
        self.process = Process(lab, "winbindd", ["unshare", "-m", "--propagation", "private", "sh", "-c", _SCRIPT, "sh",
                                                 folder])
        self.process.wait_for(self._ready, "wbinfo -p", 30)
        # ntlm_auth runs as Squid's user and needs the privileged pipe.
        subprocess.run(self.inside("chmod", "755", "/var/lib/samba/winbindd_privileged"), check=True)

    def inside(self, *argv):
        return ["nsenter", "-t", str(self.process.pid), "-m", "--", *map(str, argv)]

    def set_password(self, user, password):
        subprocess.run(self.inside("pdbedit", "-t", "-a", user), input=f"{password}\n{password}\n", text=True, check=True,
                       stdout=subprocess.DEVNULL)

    def _ready(self):
        return subprocess.run(self.inside("wbinfo", "-p"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
