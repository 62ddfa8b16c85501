"""The client's end of a WebSocket (RFC 6455) over a Wire, as far as tests need it."""

import base64
import os
import struct

TEXT, BINARY, CLOSE = 1, 2, 8


def upgrade(path, host, fields=""):
    return (f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n{fields}\r\n")


def frame(data, opcode=BINARY):
    mask = os.urandom(4)
    length = len(data)
    head = bytes([0x80 | opcode])
    if length < 126:
        head += bytes([0x80 | length])
    elif length < 65536:
        head += bytes([0x80 | 126]) + struct.pack(">H", length)
    else:
        head += bytes([0x80 | 127]) + struct.pack(">Q", length)
    repeated = mask * (length // 4 + 1)
    masked = (int.from_bytes(data, "big") ^ int.from_bytes(repeated[:length], "big")).to_bytes(length, "big")
    return head + mask + masked


def read_frame(wire):
    """(opcode, data); the server's frames are neither masked nor, here, fragmented."""
    first, second = wire.read(2)
    length = second & 127
    if length == 126:
        length, = struct.unpack(">H", wire.read(2))
    elif length == 127:
        length, = struct.unpack(">Q", wire.read(8))
    return first & 15, wire.read(length)
