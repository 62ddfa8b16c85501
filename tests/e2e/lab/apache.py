"""Apache with mod_auth_gssapi: an origin for Kerberos (MIT KDC of the lab) and for NTLM inside SPNEGO (gss-ntlmssp).

Raw NTLM is not its business: gss-ntlmssp refuses the short type 1 that clients send; see squid.py for that."""

import os
import re

from .kdc import Kdc
from .processes import Process, free_port

_SETTINGS = r"""ServerRoot {d}
PidFile {d}/httpd.pid
ServerName origin.lab.test
Mutex file:{d} default
Listen 127.0.0.1:{port}
ErrorLog {d}/error.log
LogLevel warn auth_gssapi:info
LogFormat "conn=%{{remote}}p k=%k status=%>s method=%m url=%U user=%u token=%{{Authorization}}i" l
CustomLog {d}/access.log l
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authn_core_module /usr/lib/apache2/modules/mod_authn_core.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule authz_user_module /usr/lib/apache2/modules/mod_authz_user.so
LoadModule alias_module /usr/lib/apache2/modules/mod_alias.so
LoadModule headers_module /usr/lib/apache2/modules/mod_headers.so
LoadModule env_module /usr/lib/apache2/modules/mod_env.so
LoadModule cgid_module /usr/lib/apache2/modules/mod_cgid.so
LoadModule auth_gssapi_module /usr/lib/apache2/modules/mod_auth_gssapi.so
User nobody
Group nogroup
ScriptSock {d}/cgisock
KeepAliveTimeout 15
MaxKeepAliveRequests 0
ScriptAliasMatch ^/(open|iis|krbc|krb1) {d}/cgi/who
<Directory {d}/cgi>
  Options +ExecCGI
  Require all granted
</Directory>
<LocationMatch ^/(iis|krbc|krb1)>
  AuthType GSSAPI
  AuthName lab
  GssapiSignalPersistentAuth On
  Require valid-user
</LocationMatch>
<Location /iis>
  GssapiAllowedMech krb5
  GssapiAllowedMech ntlmssp
  GssapiConnectionBound On
</Location>
<Location /krbc>
  GssapiAllowedMech krb5
  GssapiConnectionBound On
</Location>
<Location /krb1>
  GssapiAllowedMech krb5
</Location>
"""

_WHO = r"""#!/bin/sh
n=0 sum=-
if [ -n "$CONTENT_LENGTH" ] && [ "$CONTENT_LENGTH" != 0 ]; then
	set -- $(head -c "$CONTENT_LENGTH" | sha256sum); sum=$1 n=$CONTENT_LENGTH
fi
printf 'Content-Type: text/plain\r\n\r\n'
printf 'user=%s conn=%s method=%s length=%s sha256=%s via=%s\n' "${REMOTE_USER:--}" "$REMOTE_PORT" "$REQUEST_METHOD" "$n" \
	"$sum" "$HTTP_VIA"
"""


class Apache:
    """Paths: /iis (krb5 or NTLM, bound to the connection), /krbc (krb5, bound), /krb1 (krb5, each request), /open."""

    def __init__(self, lab):
        self.kdc = lab.part(Kdc)
        self.port = free_port()
        self.folder = d = lab.folder("apache")
        lab.write("apache/cgi/who", _WHO, 0o755)
        os.chmod(f"{d}/cgi", 0o755)
        users = lab.write("apache/users.ntlm", "LAB:alice:Secret1\nLAB:bob:Secret2\n")
        path = lab.write("apache/httpd.conf", _SETTINGS.format(d=d, port=self.port))
        env = {**self.kdc.server_env, "NTLM_USER_FILE": users, "NETBIOS_DOMAIN_NAME": "LAB", "NETBIOS_COMPUTER_NAME": "ORIGIN"}
        self.process = Process(lab, "apache", ["apache2", "-D", "FOREGROUND", "-f", path], env=env).listening(self.port)
        self._log = f"{d}/access.log"
        self._lab = lab

    def url(self, path, host="origin.lab.test"):
        return f"http://{host}:{self.port}{path}"

    def client_env(self, user, mech):
        """Environment of `curl --negotiate -u :` that signs in as `user` by "krb5" or "ntlm"."""
        if mech == "krb5":
            return self.kdc.client_env(user)
        password = {"alice": "Secret1", "bob": "Secret2"}[user]
        creds = self._lab.write(f"apache/{user}.ntlm", f"LAB:{user}:{password}\n")
        return {"KRB5_CONFIG": self.kdc.config, "KRB5CCNAME": "/none", "NTLM_USER_FILE": creds}

    def mark(self):
        return os.path.getsize(self._log) if os.path.exists(self._log) else 0

    def since(self, mark):
        with open(self._log) as f:
            f.seek(mark)
            return [dict(re.findall(r"(\w+)=(\S+)", line)) for line in f]
