"""NTLMv2, both ends, from MS-NLMP: written apart from the C code so that the tests do not share its mistakes.

Client: type1(), then type3(type 2, user, password, domain). Server: challenge() makes a type 2, verify() reads a type 3.
spnego_*: the least DER that wraps these messages for `Negotiate`."""

import functools
import hashlib
import hmac
import os
import struct
import time

SIGNATURE = b"NTLMSSP\0"
UNICODE, REQUEST_TARGET, NTLM, ALWAYS_SIGN, TARGET_SERVER = 0x1, 0x4, 0x200, 0x8000, 0x20000
EXTENDED_SECURITY, TARGET_INFO, STRONG = 0x80000, 0x800000, 0xA0000000


def md4(data):
    """RFC 1320 (OpenSSL 3 hides MD4)."""
    def rotate(x, n):
        x &= 0xFFFFFFFF
        return ((x << n) | (x >> (32 - n))) & 0xFFFFFFFF

    message = data + b"\x80" + bytes((55 - len(data)) % 64) + struct.pack("<Q", len(data) * 8)
    state = [0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476]
    rounds = [
        (lambda x, y, z: (x & y) | (~x & z), 0, list(range(16)), (3, 7, 11, 19)),
        (lambda x, y, z: (x & y) | (x & z) | (y & z), 0x5A827999, [i % 4 * 4 + i // 4 for i in range(16)], (3, 5, 9, 13)),
        (lambda x, y, z: x ^ y ^ z, 0x6ED9EBA1, [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15], (3, 9, 11, 15)),
    ]
    for at in range(0, len(message), 64):
        words = struct.unpack("<16I", message[at:at + 64])
        a, b, c, d = state
        for mix, constant, order, shifts in rounds:
            for i, k in enumerate(order):
                a, b, c, d = d, rotate(a + mix(b, c, d) + words[k] + constant, shifts[i % 4]), b, c
        state = [(x + y) & 0xFFFFFFFF for x, y in zip(state, (a, b, c, d))]
    return struct.pack("<4I", *state)


def _hmac(key, data):
    return hmac.digest(key, data, "md5")


@functools.lru_cache(maxsize=None)
def _v2_key(user, domain, password):
    return _hmac(md4(password.encode("utf-16le")), (user.upper() + domain).encode("utf-16le"))


def message_type(message):
    """1, 2, 3, or 0 when it is not NTLMSSP."""
    return struct.unpack_from("<I", message, 8)[0] if message.startswith(SIGNATURE) and len(message) >= 12 else 0


def _buffer(message, at):
    length, _, offset = struct.unpack_from("<HHI", message, at)
    if offset + length > len(message):
        raise ValueError("a buffer of the message lies outside it")
    return message[offset:offset + length]


def type1():
    """The 32 bytes that curl and browsers send."""
    return SIGNATURE + struct.pack("<II", 1, UNICODE | REQUEST_TARGET | NTLM | ALWAYS_SIGN | EXTENDED_SECURITY) + bytes(16)


def bindings_hash(data):
    """What a client says of channel bindings: MD5 over a gss_channel_bindings_struct that holds application data alone (RFC 4121 4.1.1.2)."""
    return hashlib.md5(bytes(16) + struct.pack("<I", len(data)) + data).digest()


def type3(type2, user, password, domain="LAB", bindings=None):
    """`bindings`: 16 bytes, bindings_hash() of the connection; without it the client says nothing of them."""
    challenge, info = type2[24:32], _buffer(type2, 40)
    if bindings is not None:
        info = info[:-4] + struct.pack("<HH", 10, len(bindings)) + bindings + info[-4:]
    now = int((time.time() + 11644473600) * 10_000_000)
    blob = b"\1\1" + bytes(6) + struct.pack("<Q", now) + os.urandom(8) + bytes(4) + info + bytes(4)
    nt = _hmac(_v2_key(user, domain, password), challenge + blob) + blob
    parts = [bytes(24), nt, domain.encode("utf-16le"), user.encode("utf-16le"), "LABCLIENT".encode("utf-16le"), b""]
    head, payload, offset = SIGNATURE + struct.pack("<I", 3), b"", 64
    for part in parts:
        head += struct.pack("<HHI", len(part), len(part), offset)
        payload += part
        offset += len(part)
    flags = UNICODE | REQUEST_TARGET | NTLM | ALWAYS_SIGN | EXTENDED_SECURITY | TARGET_INFO
    return head + struct.pack("<I", flags) + payload


def challenge(domain="LAB"):
    """(type 2, its 8-byte server challenge)"""
    nonce = os.urandom(8)
    name = domain.encode("utf-16le")
    now = int((time.time() + 11644473600) * 10_000_000)
    info = b"".join(struct.pack("<HH", kind, len(value)) + value for kind, value in
                    ((2, name), (1, name), (4, b"l\0"), (3, b"l\0"), (7, struct.pack("<Q", now)), (0, b"")))
    flags = UNICODE | REQUEST_TARGET | NTLM | ALWAYS_SIGN | TARGET_SERVER | EXTENDED_SECURITY | TARGET_INFO | STRONG
    return (SIGNATURE + struct.pack("<IHHII", 2, len(name), len(name), 56, flags) + nonce + bytes(8)
            + struct.pack("<HHI", len(info), len(info), 56 + len(name)) + bytes(8) + name + info), nonce


def verify(type3_message, nonce, passwords):
    """The user's name if the proof is right (NTLMv2 only), else None."""
    try:
        nt, domain, user = (_buffer(type3_message, at) for at in (20, 28, 36))
    except (ValueError, struct.error):
        return None
    user, domain = user.decode("utf-16le"), domain.decode("utf-16le")
    if len(nt) <= 24 or user.lower() not in passwords:
        return None
    proof = _hmac(_v2_key(user, domain, passwords[user.lower()]), nonce + nt[16:])
    return user.lower() if hmac.compare_digest(proof, nt[:16]) else None


def _der(tag, body):
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body


_SPNEGO_OID = bytes.fromhex("06062b0601050502")
_NTLM_OID = bytes.fromhex("060a2b06010401823702020a")


def spnego_init(token):
    """NegTokenInit with NTLM as the only mechanism."""
    body = _der(0xA0, _der(0x30, _NTLM_OID)) + _der(0xA2, _der(0x04, token))
    return _der(0x60, _SPNEGO_OID + _der(0xA0, _der(0x30, body)))


def spnego_response(token=b"", state=None, mech=False):
    """NegTokenResp; state: 0 accept-completed, 1 accept-incomplete."""
    body = b"" if state is None else _der(0xA0, _der(0x0A, bytes([state])))
    body += _der(0xA1, _NTLM_OID) if mech else b""
    body += _der(0xA2, _der(0x04, token)) if token else b""
    return _der(0xA1, _der(0x30, body))


def inner(token):
    """The NTLM message in a token, wrapped or not; None when there is none."""
    at = token.find(SIGNATURE)
    return token[at:] if at >= 0 else None


assert md4(b"abc").hex() == "a448017aaf21d8525fc10ae87aa6729d"
assert md4("SecREt01".encode("utf-16le")).hex() == "cd06ca7c7e10c99b1d33b7485a2ed808"
