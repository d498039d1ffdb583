"""Keeps the mail of a Dovecot as it is now and puts it back, while the server runs and nobody is logged in."""

import shutil
import subprocess


class ServerCopy:
    def __init__(self, server, place, user="user"):
        self.home, self.place = server.directory / "home" / user, place
        shutil.rmtree(place, ignore_errors=True)
        subprocess.run(["cp", "-a", str(self.home), str(place)], check=True)

    def restore(self):
        shutil.rmtree(self.home)
        subprocess.run(["cp", "-a", str(self.place), str(self.home)], check=True)
