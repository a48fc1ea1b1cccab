"""Results of `kl` on disk: what a command printed is printed again while nothing that it read has changed.

A run notes every file and folder that Python opens for it, its own code and that of other packages among
them: so what it depends on is seen, not listed by hand. A library (diskcache) was looked at: it has no
maintainer, keeps pickles, which run code when they are read, and imports a database.

What a hit needs imports next to nothing: neither xDSL nor the command line's parser.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Sequence

from . import store
from .files import unchanged
from .key import is_cacheable, key_of
from .place import cache_folder

MOST_ENTRY_BYTES = 64 * 2**20
"""What prints more is run again."""


def through_cache(arguments: Sequence[str], run: Callable[[], int]) -> int:
    """Run a command, or print what it printed when it ran before; its exit code.

    Kept is what ends in 0, writes no file, and reads no standard input.
    """
    folder = cache_folder()
    plain = all(isinstance(stream, io.TextIOWrapper) for stream in (sys.stdout, sys.stderr))
    if folder is None or not is_cacheable(arguments) or not plain:
        return run()
    key = key_of(arguments)
    entry = store.load(folder, key)
    if entry is not None and unchanged(entry.files, entry.folders):
        return _print_again(entry.output)
    from .recording import Recording

    recording = Recording()
    with recording:
        code = run()
    if code == 0 and (found := recording.result(MOST_ENTRY_BYTES)) is not None:
        store.save(folder, key, found)
    return code


def _print_again(output: Sequence[tuple[int, bytes]]) -> int:
    """Print what was printed, in the same order; a chunk of no bytes is a flush."""
    try:
        for number, chunk in output:
            buffer = (sys.stdout, sys.stderr)[number].buffer
            left = memoryview(chunk)
            while left:
                left = left[buffer.write(left) :]
            if not chunk:
                buffer.flush()
        return 0
    except OSError as error:
        return _fail(error)


def _fail(error: OSError) -> int:
    """End as every run does whose output cannot be written."""
    from ..diagnostics import guarded

    def fail() -> int:
        raise error

    return guarded("kl", fail, {})
