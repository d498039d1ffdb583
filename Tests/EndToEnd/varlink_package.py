"""The `varlink` package of PyPI, a client that we did not write: installed under .build when it is missing."""

import importlib
import subprocess
import sys

from mirror import REPOSITORY

PLACE = REPOSITORY / ".build" / "varlink"


def load():
    sys.path.insert(0, str(PLACE))
    try:
        return importlib.import_module("varlink")
    except ImportError:
        done = subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--target", str(PLACE), "varlink"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            raise AssertionError("the package varlink is missing and can't be installed from PyPI: %s"
                                 % done.stdout.decode(errors="replace")[-1000:]) from None
    importlib.invalidate_caches()
    return importlib.import_module("varlink")
