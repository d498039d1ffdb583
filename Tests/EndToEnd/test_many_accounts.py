"""Many accounts on one daemon: a worker is cheap."""

from pathlib import Path

import many_accounts
from daemon_case import DaemonCase
from support import FULL, figure

# kB of a daemon without accounts, and of each account.
BASE, EACH = 30_000, 800


class ManyAccounts(DaemonCase):
    weight = 40

    def test_each_account_costs_little(self):
        count = 500 if FULL else 30
        server = self.exits.enter_context(many_accounts.server(count))
        cost = many_accounts.Cost(server, Path(self.directory) / "many", count, seconds=30 if FULL else 3,
                                  bound=BASE + EACH * count)
        figure("%d accounts: %.0f MB resident, %d descriptors, %d threads, %.2f s CPU in %d s; current after %.1f s" % (
            count, cost.resident / 1024, cost.descriptors, cost.threads, cost.cpu, cost.seconds, cost.started))
        self.assertLess(cost.resident, BASE + EACH * count)
        self.assertLess(cost.descriptors, 40 + 10 * count)
        self.assertLess(cost.threads, 40, "threads do not grow with the accounts")
        self.assertLess(cost.cpu, (0.02 + 0.0002 * count) * cost.seconds + 0.2)
        self.assertEqual(cost.ended[0], 0)
