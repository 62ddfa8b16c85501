"""Debian's Squid: as the NTLM origin that really verifies (accelerator + ntlm_auth + winbindd), and as a forward proxy
to compare with."""

import os
import re
import shutil

from .echo import Echo
from .names import hosts_file
from .processes import Process, free_port
from .winbind import Winbind

_COMMON = """hosts_file {hosts}
dns_nameservers 127.0.0.1
dns_timeout 1 seconds
visible_hostname {name}
pid_filename none
cache_log {d}/cache.log
logformat l conn=%>p status=%>Hs method=%rm user=%un url=%ru
access_log stdio:{d}/access.log l
buffered_logs off
cache deny all
cache_mem 8 MB
shutdown_lifetime 0 seconds
pinger_enable off
coredump_dir {d}
netdb_filename none
cache_effective_user proxy
error_directory {errors}
icon_directory /usr/share/squid/icons
client_persistent_connections on
"""

_ORIGIN = """http_port 127.0.0.1:{port} accel vhost
cache_peer 127.0.0.1 parent {echo} 0 no-query originserver
auth_param ntlm program /usr/bin/ntlm_auth --helper-protocol=squid-2.5-ntlmssp
auth_param ntlm children 20 startup=4 idle=2
auth_param ntlm keep_alive on
acl authed proxy_auth REQUIRED
http_access allow authed
http_access deny all
request_header_access X-User deny all
request_header_access X-Conn deny all
request_header_add X-User "%un" all
request_header_add X-Conn "%>p" all
"""

_FORWARD = """http_port 127.0.0.1:{port}
http_access allow all
"""


def _start(lab, name, settings, port, prefix=()):
    d = lab.folder(name)
    errors = os.path.join(lab.directory, "squid-errors")
    if not os.path.isdir(errors):
        shutil.copytree("/usr/share/squid/errors/en", errors)
        for page in os.listdir(errors):  # short pages: the stock ones are longer than all else here
            if page.startswith("ERR_"):
                with open(os.path.join(errors, page), "w") as f:
                    f.write(f"SQUID {page} %U %w\n")
    path = lab.write(f"{name}/squid.conf", _COMMON.format(hosts=hosts_file(lab), name=name, d=d, errors=errors) + settings)
    shutil.chown(d, "proxy")
    process = Process(lab, name, [*prefix, "squid", "-N", "-f", path, "-n", name.replace("-", "")])
    return process.listening(port, 30)


class NtlmOrigin:
    """http://<name>:<port>/ wants NTLM of alice or bob; every page tells who came, as verified by winbindd."""

    def __init__(self, lab):
        self.port = free_port()
        winbind = lab.part(Winbind)
        self.echo = lab.part(Echo)
        self.process = _start(lab, "ntlm-origin", _ORIGIN.format(port=self.port, echo=self.echo.port), self.port,
                              winbind.inside())
        self._log = os.path.join(lab.directory, "ntlm-origin/access.log")

    def url(self, path="/", host="ntlm.lab.test"):
        return f"http://{host}:{self.port}{path}"

    def mark(self):
        return os.path.getsize(self._log) if os.path.exists(self._log) else 0

    def since(self, mark):
        """What Squid answered since mark(): a list of dicts with conn, status, method, user, url."""
        with open(self._log) as f:
            f.seek(mark)
            return [dict(re.findall(r"(\w+)=(\S+)", line)) for line in f]


class ForwardSquid:
    def __init__(self, lab):
        self.port = free_port()
        self.process = _start(lab, f"forward-squid{lab.number('squid')}", _FORWARD.format(port=self.port), self.port)
