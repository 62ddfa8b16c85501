#!/usr/bin/env python3
"""MIT's GSSAPI with gss-ntlmssp, one line in, one line out, in the words of Samba's ntlm_auth (see ntlm_pipe.c).

    gss_pipe.py server ntlm|spnego|any
    gss_pipe.py client ntlm|spnego USER DOMAIN PASSWORD [SERVICE@HOST] [sign]
    gss_pipe.py client any|krb5 - - - [SERVICE@HOST] [sign]

`spnego` offers NTLM alone; `any` offers what the environment has (KRB5CCNAME or KRB5_KTNAME, NTLM_USER_FILE), Kerberos first.
Names and passwords of a server: NTLM_USER_FILE. Channel bindings: BINDINGS, the application's bytes."""

import base64
import os
import sys

import gssapi

NTLM = gssapi.OID.from_int_seq("1.3.6.1.4.1.311.2.2.10")
SPNEGO = gssapi.OID.from_int_seq("1.3.6.1.5.5.2")


def bindings():
    data = os.environ.get("BINDINGS")
    return gssapi.raw.ChannelBindings(application_data=data.encode()) if data else None


def server(arguments):
    credentials = gssapi.Credentials(usage="accept", mechs=[NTLM if arguments[0] == "ntlm" else SPNEGO])
    if arguments[0] == "spnego":
        gssapi.raw.set_neg_mechs(credentials, [NTLM])
    return gssapi.SecurityContext(creds=credentials, usage="accept", channel_bindings=bindings())


def client(arguments):
    mech, user, domain, password, *rest = arguments
    target = gssapi.Name(rest[0] if rest else "HTTP@proxy1.lab.example", gssapi.NameType.hostbased_service)
    flags = [gssapi.RequirementFlag.mutual_authentication]
    if "sign" in rest[1:]:
        flags.append(gssapi.RequirementFlag.integrity)
    if mech in ("any", "krb5"):
        return gssapi.SecurityContext(name=target, usage="initiate", flags=flags, channel_bindings=bindings(),
                                      mech=SPNEGO if mech == "any" else gssapi.MechType.kerberos)
    name = gssapi.Name(f"{domain}\\{user}" if domain else user, gssapi.NameType.user)
    acquired = gssapi.raw.acquire_cred_with_password(name, password.encode(), usage="initiate",
                                                     mechs=[NTLM if mech == "ntlm" else SPNEGO])
    credentials = gssapi.Credentials(base=acquired.creds)
    if mech == "spnego":
        gssapi.raw.set_neg_mechs(credentials, [NTLM])  # or krb5 is tried first
    return gssapi.SecurityContext(name=target, creds=credentials, usage="initiate", flags=flags,
                                  mech=NTLM if mech == "ntlm" else SPNEGO, channel_bindings=bindings())


def say(token, context, role):
    text = base64.b64encode(token).decode() if token else "*"
    if not context.complete:
        print("TT" if role == "server" else "KK", text)
    elif role == "server":
        print("AF", text, str(context.initiator_name).rstrip("\0"))
    else:
        print("KK" if token else "AF", text)
    sys.stdout.flush()


def main():
    role, arguments = sys.argv[1], sys.argv[2:]
    context = None
    for line in sys.stdin:
        words = line.split()
        token = base64.b64decode(words[1]) if len(words) > 1 and words[1] != "*" else None
        try:
            if context is None or words[0] == "YR":
                context = (server if role == "server" else client)(arguments)
            say(context.step(token), context, role)
        except gssapi.exceptions.GSSError as e:
            print("NA", str(e).replace("\n", " "))
            sys.stdout.flush()
            context = None


main()
