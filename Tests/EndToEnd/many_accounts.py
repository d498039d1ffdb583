"""What an account costs a daemon that has many: used by the test and by scripts/bench."""

import time

import corpus
from daemon import Daemon
from mirror import Mirror
from servers.dovecot import Dovecot

MORE = """
default_process_limit = 2000
default_client_limit = 4000
service imap {
  process_limit = 2000
  client_limit = 1
}
service auth {
  client_limit = 8000
}
service anvil {
  client_limit = 8000
}
"""


def server(count):
    """A Dovecot with so many users, whose inboxes have a few messages each."""
    users = ["user%d" % number for number in range(count)]
    made = Dovecot(users=users, more=MORE)
    made.start()
    try:
        for number, user in enumerate(users):
            made.append("INBOX", corpus.small(5, seed=number), user=user)
    except BaseException:
        made.remove()
        raise
    made.users = users
    return Running(made)


class Running:
    """A server that runs already, in a `with`."""

    def __init__(self, made):
        self.made = made

    def __enter__(self):
        return self.made

    def __exit__(self, *_):
        self.made.remove()


class Cost:
    """A daemon with the first `accounts` users, idle for `seconds` when all are current and it has settled, which it has
    where its resident memory (kB) is under `bound`; kB, CPU seconds."""

    def __init__(self, made, place, accounts, program=None, seconds=10, bound=0):
        self.accounts, self.seconds = accounts, seconds
        first = None
        for user in made.users[:accounts]:
            if first is None:
                first = Mirror(place, made, program=program, name=user, user=user)
            else:
                first.beside(user, made, user=user)
        first.write()
        began = time.monotonic()
        with Daemon(first) as daemon:
            daemon.wait_for(lambda found: all((one["activity"] or "").startswith("watching") for one in found.values()),
                            600)
            self.started, self.start_cpu = time.monotonic() - began, daemon.cpu()
            # Further connections are closed after 15 s, memory is given back 5 s later.
            deadline = time.monotonic() + (60 if bound else 22)
            while time.monotonic() < deadline and not daemon.memory()[0] < bound:
                time.sleep(0.2)
            cpu, switches = daemon.cpu(), daemon.switches()
            time.sleep(seconds)
            self.cpu, self.switches = daemon.cpu() - cpu, daemon.wakeups(switches)
            self.resident, self.pss, self.peak = daemon.memory()
            self.threads, self.descriptors = daemon.threads(), daemon.descriptors()
            self.ended = daemon.stop()
