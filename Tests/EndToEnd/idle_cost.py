"""What an account costs in which nothing happens, with few and with many messages: used by the test and by scripts/bench."""

import time

import corpus
from daemon import Daemon
from mirror import Mirror
from servers.proxy import Proxy

# What Dovecot 2.3 offers without NOTIFY and IDLE.
POLLED = ("IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE LITERAL+ NAMESPACE UIDPLUS LIST-EXTENDED CONDSTORE QRESYNC ESEARCH "
          "LIST-STATUS SPECIAL-USE MOVE BINARY AUTH=PLAIN")


def fill(server, boxes, messages):
    """So many mailboxes with so many tiny messages each."""
    for number in range(boxes):
        server.append("Box%d" % number, corpus.small(messages, seed=number))


class Cost:
    """Bytes on the wire and CPU seconds of a daemon on that server in `span` seconds of quiet, and of `looks` looks at all
    mailboxes; `push` is how it hears of news. It proves its line alive every `timeout`, and polls once an hour."""

    def __init__(self, server, place, span, looks, program=None, timeout="60s"):
        with Proxy(server.imaps) as proxy:
            mirror = Mirror(place, server, program=program, port=proxy.port, poll_interval="1h", timeout=timeout,
                            connections=1)
            with Daemon(mirror) as daemon:
                daemon.wait_for(lambda accounts: accounts["test"]["state"] == "ok" and (
                    accounts["test"]["activity"] or "").startswith(("watching", "idle")), 900)
                daemon.call("Sync", timeout=600)  # looks once more at the folders that the first sync has just filled
                self.push = daemon.account()["push"]
                self.span, self.looks = span, looks
                self.quiet = self._cost(daemon, proxy, lambda: time.sleep(span))
                self.look = self._cost(daemon, proxy, lambda: [daemon.call("Sync", timeout=60) for _ in range(looks)])
                self.ended = daemon.stop()

    @staticmethod
    def _cost(daemon, proxy, act):
        octets, cpu = proxy.sent + proxy.received, daemon.cpu()
        act()
        return proxy.sent + proxy.received - octets, daemon.cpu() - cpu
