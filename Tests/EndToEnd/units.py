"""The unit files as `make install` leaves them, with the program under test in place of the installed one."""

import configparser
import os
from pathlib import Path

from mirror import REPOSITORY, binary

UNITS = REPOSITORY / "systemd"


def install(home, program=None):
    """Copies the units to where a user manager with that home looks for them."""
    directory = Path(home) / ".local" / "share" / "systemd" / "user"
    directory.mkdir(parents=True, exist_ok=True)
    for unit in sorted(UNITS.iterdir()):
        text = unit.read_text(encoding="utf-8")
        text = text.replace("%h/.local/bin", os.path.dirname(program or binary()))
        (directory / unit.name).write_text(text, encoding="utf-8")
    return directory


def drop_in(home, unit, text, name="test.conf"):
    """What `systemctl edit` writes."""
    directory = Path(home) / ".config" / "systemd" / "user" / (unit + ".d")
    directory.mkdir(parents=True, exist_ok=True)
    (directory / name).write_text(text, encoding="utf-8")


def directives(unit):
    """{section: {directive: value}}"""
    parser = configparser.RawConfigParser(delimiters="=", comment_prefixes="#", strict=True)
    parser.optionxform = str
    parser.read(UNITS / unit, encoding="utf-8")
    return {name: dict(parser[name]) for name in parser.sections()}
