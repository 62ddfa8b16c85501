"""A DNS server that answers as told: names from a table, and names that fail, stall, or lie."""

import socket
import struct
import threading
import time


class Dns:
    """answers: name -> list of addresses, "nxdomain", "servfail", or "silence"; delay: seconds before every answer.
    A function as a value is called with the count of earlier questions for that name and gives one of these."""

    def __init__(self, answers, delay=0.0):
        self.answers, self.delay, self.asked = answers, delay, []
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                question, sender = self.sock.recvfrom(2048)
            except OSError:
                return
            threading.Thread(target=self._answer, args=(question, sender), daemon=True).start()

    def _answer(self, question, sender):
        name, at = [], 12
        while question[at]:
            name.append(question[at + 1:at + 1 + question[at]].decode())
            at += 1 + question[at]
        name = ".".join(name).lower()
        kind = struct.unpack_from(">H", question, at + 1)[0]
        earlier = sum(1 for n, k in self.asked if (n, k) == (name, kind))
        self.asked.append((name, kind))
        answer = self.answers.get(name, "nxdomain")
        if callable(answer):
            answer = answer(earlier)
        if answer == "silence":
            return
        time.sleep(self.delay)
        code = {"nxdomain": 3, "servfail": 2}.get(answer if isinstance(answer, str) else None, 0)
        records = b""
        count = 0
        for address in answer if code == 0 else ():
            v6 = ":" in address
            if kind != (28 if v6 else 1):
                continue
            data = socket.inet_pton(socket.AF_INET6 if v6 else socket.AF_INET, address)
            records += b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 0, len(data)) + data
            count += 1
        head = question[:2] + struct.pack(">HHHHH", 0x8580 | code, 1, count, 0, 0)
        try:
            self.sock.sendto(head + question[12:at + 5] + records, sender)
        except OSError:
            pass

    def questions(self, name):
        return sum(1 for n, _ in self.asked if n == name)

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
