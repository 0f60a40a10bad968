"""A cache on disk whose key is the content: entries are folders that appear whole or not at all."""

import hashlib
import json
import os
import shutil
import tempfile


def cache_folder():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "cycloid")


class Key:
    """A hash of parts; each part's length goes in with it, so that parts cannot run into one another."""

    def __init__(self, *parts):
        self.hash = hashlib.sha256()
        for part in parts:
            self.add(part)

    def add(self, part):
        data = part if isinstance(part, (bytes, bytearray, memoryview)) else json.dumps(part, sort_keys=True).encode()
        self.hash.update(len(data).to_bytes(8, "little"))
        self.hash.update(data)

    def add_file(self, path):
        with open(path, "rb") as file:
            self.add(hashlib.file_digest(file, "sha256").digest())

    def text(self):
        return self.hash.hexdigest()[:32]


def entry(kind, key, make):
    """The folder of the entry; where there is none, make(folder) fills a new one, which then takes its place."""
    parent = os.path.join(cache_folder(), kind)
    final = os.path.join(parent, key)
    if os.path.isdir(final):
        return final
    os.makedirs(parent, exist_ok=True)
    folder = tempfile.mkdtemp(prefix=".new-", dir=parent)
    try:
        make(folder)
        os.chmod(folder, 0o755)
        os.rename(folder, final)
    except OSError:
        if not os.path.isdir(final):  # not another process that made the same entry in the meantime
            raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return final
