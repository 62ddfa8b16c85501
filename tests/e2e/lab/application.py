"""An application from npm (express, ws) that shows the name of its user; alone, or behind an Apache that signs users in itself."""

import hashlib
import json
import os
import shutil
import subprocess

from .kdc import Kdc
from .processes import Process, free_port

HERE = os.path.join(os.path.dirname(__file__), "../node")


def npm_folder(package):
    """A folder with the packages that `package` names, installed once per version into the user's cache."""
    with open(package, "rb") as f:
        name = "node-" + hashlib.sha256(f.read()).hexdigest()[:12]
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folder = os.path.join(cache, "fairlead", name)
    if not os.path.exists(f"{folder}/complete"):
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        shutil.copy(package, folder)
        subprocess.run(["npm", "install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"],
                       cwd=folder, check=True, timeout=300)
        open(f"{folder}/complete", "w").close()
    return folder


class Application:
    def __init__(self, lab, **options):
        folder = npm_folder(f"{HERE}/application/package.json")
        shutil.copy(f"{HERE}/application.js", folder)
        self.port = free_port()
        self.process = Process(lab, f"application{lab.number('application')}",
                               ["node", "application.js", json.dumps({"port": self.port, **options})], cwd=folder)
        self.process.listening(self.port)


_SIGNING = r"""ServerRoot {d}
PidFile {d}/httpd.pid
ServerName site1.lab.test
Mutex file:{d} default
Listen 127.0.0.1:{port}
ErrorLog {d}/error.log
LogFormat "conn=%{{remote}}p status=%>s method=%m url=%U user=%u" l
CustomLog {d}/access.log l
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authn_core_module /usr/lib/apache2/modules/mod_authn_core.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule authz_user_module /usr/lib/apache2/modules/mod_authz_user.so
LoadModule headers_module /usr/lib/apache2/modules/mod_headers.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
LoadModule auth_gssapi_module /usr/lib/apache2/modules/mod_auth_gssapi.so
User nobody
Group nogroup
KeepAliveTimeout 30
MaxKeepAliveRequests 0
LimitRequestBody 0
ProxyPreserveHost On
ProxyPass / http://127.0.0.1:{application}/ upgrade=websocket
<Location />
  AuthType GSSAPI
  AuthName lab
  GssapiAllowedMech krb5
  GssapiAllowedMech ntlmssp
  GssapiConnectionBound On
  Require valid-user
  RequestHeader set X-Remote-User expr=%{{REMOTE_USER}}
</Location>
"""


class SigningApplication:
    """The same behind Apache with mod_auth_gssapi: NTLM inside Negotiate, or Kerberos, bound to the connection."""

    def __init__(self, lab):
        self.lab, self.kdc, self.application = lab, lab.part(Kdc), lab.part(Application)
        self.port, d = free_port(), lab.folder("signing-application")
        users = lab.write("signing-application/users.ntlm", "LAB:alice:Secret1\nLAB:bob:Secret2\n")
        settings = lab.write("signing-application/httpd.conf", _SIGNING.format(d=d, port=self.port, application=self.application.port))
        env = {**self.kdc.server_env, "NTLM_USER_FILE": users, "NETBIOS_DOMAIN_NAME": "LAB", "NETBIOS_COMPUTER_NAME": "SITE"}
        self.process = Process(lab, "signing-application", ["apache2", "-D", "FOREGROUND", "-f", settings], env=env)
        self.process.listening(self.port)

    def ticket(self, user, host):
        """A token of Kerberos for the site, made without asking anybody (the ticket granter's lies in the ccache)."""
        import gssapi
        kept = {k: os.environ.get(k) for k in self.kdc.client_env(user)}
        os.environ.update(self.kdc.client_env(user))
        try:
            name = gssapi.Name(f"HTTP@{host}", gssapi.NameType.hostbased_service)
            return gssapi.SecurityContext(name=name, mech=gssapi.OID.from_int_seq("1.2.840.113554.1.2.2"), usage="initiate").step()
        finally:
            for key, value in kept.items():
                os.environ.pop(key) if value is None else os.environ.update({key: value})

    def ntlm_env(self, user):
        """Environment in which GSSAPI's NTLM signs in as `user`."""
        password = {"alice": "Secret1", "bob": "Secret2"}[user]
        file = self.lab.write(f"signing-application/{user}.ntlm", f"LAB:{user}:{password}\n")
        return {"KRB5_CONFIG": self.kdc.config, "KRB5CCNAME": "/none", "NTLM_USER_FILE": file}
