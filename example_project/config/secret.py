"""A secret key that is made once and kept in a file only its owner can read."""

import os
from pathlib import Path

from django.core.management.utils import get_random_secret_key


def secret_key(path: Path) -> str:
    """Return the key stored at `path`, making it first if there is none.

    Several processes may start at once: whoever creates the file wins, the others read it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(f".{os.getpid()}")
    fresh.touch(mode=0o600)
    fresh.write_text(get_random_secret_key())
    try:
        os.link(fresh, path)  # fails if the file exists, and never shows it half written
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
    return path.read_text().strip()
