"""A mail server for tests: SMTP on a real socket (RFC 5321); keeps what it accepted, refuses on request.

Forty lines of the standard library; a server package would be one more thing to keep up to date.
"""

import email
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import Message


class MailServer(socketserver.ThreadingTCPServer):
    """`accepted`: the mails it said 250 to. `answers`: its answer to a recipient, if not 250.

    `on_mail` runs when a mail has arrived whole and the sender does not know it yet.
    """

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.accepted: list[tuple[str, Message]] = []
        self.answers: dict[str, str] = {}
        self.answer_to_data = ""
        self.on_mail: Callable[[], None] = lambda: None

    @property
    def port(self) -> int:
        return self.server_address[1]

    def message_ids(self) -> list[str]:
        return [mail["Message-ID"] for _, mail in self.accepted]


class _Conversation(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.recipient = ""
        self.say("220 test")
        while line := self.rfile.readline():
            word = line.decode().strip()
            if word.upper().startswith("RCPT TO:"):
                self.recipient = word.split("<")[1].split(">")[0]
                self.say(self.server.answers.get(self.recipient, "250 ok"))
            elif word.upper() == "DATA":
                self.say("354 go on")
                self.take()
            elif word.upper() == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")

    def take(self) -> None:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line[1:] if line.startswith(b"..") else line)
        if self.server.answer_to_data:
            self.say(self.server.answer_to_data)
            return
        self.server.accepted.append((self.recipient, email.message_from_bytes(b"".join(lines))))
        self.server.on_mail()
        self.say("250 accepted")

    def say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())


@contextmanager
def running_mail_server() -> Iterator[MailServer]:
    """A server on a port of its own for as long as the block lasts."""
    with MailServer() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()
