"""Libraries in C that tests and benchmarks preload into programs, compiled at need."""

import subprocess
from pathlib import Path


def library(name, directory):
    """`name`.c of this directory, built into `directory`."""
    made = Path(directory) / (name + ".so")
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-Wall", "-Werror", "-o", str(made),
                    str(Path(__file__).with_name(name + ".c")), "-ldl", "-pthread"],
                   check=True, stdin=subprocess.DEVNULL)
    return made
