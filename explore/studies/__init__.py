"""Studies: searches that are kept in a storage, go on after any interruption, and use many processes.

Built on Optuna, of the extra `tune`; `docs/explore.md` shows their use.
"""

from ..extras import load

load("optuna")  # the files of this package import it: where it is missing, this says what to install
