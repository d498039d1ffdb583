"""What a disk may hold after a power cut, from a log of system calls.

A file keeps its bytes and its mtime as of its last fsync, fdatasync or syncfs. For names there are models:

pessimistic   a directory keeps its entries as of its last fsync (or syncfs), whatever else was synced
ordered       any sync carries all earlier changes of names with it, as a journal does; unsynced bytes are gone
random        each unsynced change of a name and each unsynced file comes through or not, by a seed
killed        everything comes through: what a kill of the program alone leaves
"""

import os
import re
import shutil
from pathlib import Path

MODELS = ("pessimistic", "ordered", "random", "killed")


class _File:
    def __init__(self):
        self.data, self.mtime = bytearray(), None
        self.durable, self.durable_mtime = b"", None
        self.dirty = False

    def sync(self):
        if self.dirty:
            self.durable, self.durable_mtime, self.dirty = bytes(self.data), self.mtime, False


class _Directory:
    def __init__(self):
        self.entries, self.durable, self.ordered = {}, {}, {}
        self.changes = []  # (name, entry or None) since the last fsync


class Disk:
    """Follows calls below some roots (paths whose parents are taken as durable)."""

    def __init__(self, *roots):
        self.top = _Directory()
        self.roots = [os.path.normpath(str(root)) for root in roots]
        self.offsets = {}

    def load(self, root, place=None):
        """Takes what is below `place` (the root itself by default) as the durable content of a root."""
        root = os.path.normpath(str(root))
        self._set(root, self._loaded(Path(place or root)))
        self._order()

    def _loaded(self, place):
        directory = _Directory()
        for entry in os.scandir(place):
            if entry.is_dir(follow_symlinks=False):
                directory.entries[entry.name] = self._loaded(Path(entry.path))
            elif entry.is_file(follow_symlinks=False):
                file = directory.entries[entry.name] = _File()
                file.data[:] = file.durable = Path(entry.path).read_bytes()
                file.mtime = file.durable_mtime = int(entry.stat().st_mtime)
        directory.durable, directory.ordered = dict(directory.entries), dict(directory.entries)
        return directory

    # Names.

    def _inside(self, path):
        return path is not None and any(path == root or path.startswith(root + "/") for root in self.roots)

    def _parent(self, path):
        """(directory, name) of a path."""
        for root in self.roots:
            if path == root:
                return self.top, root
            if path.startswith(root + "/"):
                here = self.top.entries.get(root)
                parts = path[len(root) + 1:].split("/")
                for part in parts[:-1]:
                    here = here.entries.get(part) if isinstance(here, _Directory) else None
                return (here, parts[-1]) if isinstance(here, _Directory) else (None, None)
        return None, None

    def _find(self, path):
        if not self._inside(path):
            return None
        directory, name = self._parent(path)
        return directory.entries.get(name) if directory else None

    def _set(self, path, entry):
        directory, name = self._parent(path)
        if directory is None:
            return
        if entry is None:
            directory.entries.pop(name, None)
        else:
            directory.entries[name] = entry
        directory.changes.append((name, entry))
        if directory is self.top:
            self._settle(directory)

    def _settle(self, directory):
        directory.durable = dict(directory.entries)
        directory.changes = []

    def _all(self, directory=None):
        directory = directory or self.top
        yield directory
        for entry in directory.entries.values():
            if isinstance(entry, _Directory):
                yield from self._all(entry)

    def _order(self):
        for directory in self._all():
            directory.ordered = dict(directory.entries)

    # Calls.

    def follow(self, call):
        """Takes one call; True when what is on the disk may have changed."""
        if call.result < 0:
            return False
        name = call.name
        if name in ("openat", "creat"):
            return self._open(call)
        if name in ("mkdir", "mkdirat"):
            path = os.path.normpath(os.fsdecode(call.data(0))) if name == "mkdir" else call.path(1)
            if not self._inside(path):
                return False
            self._set(path, _Directory())
            return True
        moved = call.moved()
        if moved:
            source, target = moved
            entry = self._find(source)
            if entry is None or not self._inside(target):
                return False
            self._set(target, entry)
            if not name.startswith("link"):
                self._set(source, None)
            return True
        if name in ("unlink", "unlinkat", "rmdir"):
            path = call.path(1) if name == "unlinkat" else os.path.normpath(os.fsdecode(call.data(0)))
            if self._find(path) is None:
                return False
            self._set(path, None)
            return True
        return self._on_descriptor(call)

    def _open(self, call):
        flags = call.arguments[2] if call.name == "openat" else "O_CREAT|O_TRUNC"
        path = call.path(1) if call.name == "openat" else os.path.normpath(os.fsdecode(call.data(0)))
        self.offsets[call.result] = 0
        if not self._inside(path):
            return False
        entry, changed = self._find(path), False
        if entry is None and "O_CREAT" in flags:
            entry, changed = _File(), True
            self._set(path, entry)
        if isinstance(entry, _File) and "O_TRUNC" in flags and entry.data:
            entry.data.clear()
            entry.dirty = changed = True
        if isinstance(entry, _File) and "O_APPEND" in flags:
            self.offsets[call.result] = len(entry.data)
        return changed

    def _on_descriptor(self, call):
        name = call.name
        number = re.match(r"\d+", call.arguments[0]) if call.arguments else None
        path = call.descriptor() if number else None
        entry = self._find(path)
        number = int(number.group()) if number else -1
        if name == "lseek":
            self.offsets[number] = call.result
            return False
        if name == "syncfs" and self._inside(path):
            for directory in self._all():
                self._settle(directory)
                for one in directory.entries.values():
                    if isinstance(one, _File):
                        one.sync()
            self._order()
            return True
        if entry is None:
            return False
        if name in ("fsync", "fdatasync"):
            if isinstance(entry, _Directory):
                self._settle(entry)
            else:
                entry.sync()
            self._order()
            return True
        if not isinstance(entry, _File):
            return False
        if name in ("write", "writev", "pwrite64", "pwritev", "pwritev2"):
            if name in ("write", "pwrite64"):
                data = call.data(1)[:call.result]
            else:
                data = b"".join(_strings(call.arguments[1]))[:call.result]
            at = int(call.arguments[-1 if name == "pwrite64" else 3]) if name.startswith("p") else self.offsets.get(number, 0)
            if len(data) != call.result:
                raise ValueError("the log holds only %d of %d bytes: %r" % (len(data), call.result, call))
            if len(entry.data) < at:
                entry.data.extend(bytes(at - len(entry.data)))
            entry.data[at:at + len(data)] = data
            if not name.startswith("p"):
                self.offsets[number] = at + len(data)
            entry.dirty = True
            return True
        if name == "ftruncate":
            size = int(call.arguments[1])
            del entry.data[size:]
            entry.data.extend(bytes(size - len(entry.data)))
            entry.dirty = True
            return True
        if name == "utimensat":
            times = re.findall(r"tv_sec=(-?\d+)", ",".join(call.arguments))
            if times:
                entry.mtime, entry.dirty = int(times[-1]), True
            return True
        if name in ("copy_file_range", "sendfile", "splice"):
            raise ValueError("bytes that the log does not hold: %r" % call)
        return False

    # After the cut.

    def write(self, model, dice):
        """Writes what the disk holds under a model to the roots themselves, which are emptied first."""
        for root in self.roots:
            shutil.rmtree(root, ignore_errors=True)
        self._write_entries(self.top, None, model, dice, {})

    def _entries(self, directory, model, dice):
        if model == "killed":
            return directory.entries
        if model == "ordered":
            return directory.entries if directory is self.top else directory.ordered
        entries = dict(directory.durable)
        if model == "random":
            for name, entry in directory.changes:
                if dice.random() < 0.5:
                    if entry is None:
                        entries.pop(name, None)
                    else:
                        entries[name] = entry
        return entries

    def _write_entries(self, directory, path, model, dice, written):
        """`written`: where a file was written first; its other names are links to it."""
        for name, entry in self._entries(directory, model, dice).items():
            if name.endswith("-shm"):
                continue
            target = Path(name) if path is None else path / name
            if isinstance(entry, _Directory):
                target.mkdir(mode=0o700)
                self._write_entries(entry, target, model, dice, written)
                continue
            if entry in written:
                os.link(written[entry], target)
                continue
            written[entry] = target
            whole = model == "killed" or (model == "random" and dice.random() < 0.5)
            target.write_bytes(bytes(entry.data) if whole else entry.durable)
            target.chmod(0o600)
            mtime = entry.mtime if whole else entry.durable_mtime
            if mtime is not None:
                os.utime(target, (mtime, mtime))


def _strings(text):
    from strace_log import _unescape
    return [_unescape(part) for part in re.findall(r'iov_base="((?:\\.|[^"\\])*)"', text)]
