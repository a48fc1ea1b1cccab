"""The libraries of the extra `tune`, loaded when first needed: spaces do without them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from importlib import import_module
from typing import Any

from .errors import MissingExtraError


def load(module: str) -> Any:
    """A module of a library.

    Raises: MissingExtraError where the library is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        library = module.partition(".")[0]
        raise MissingExtraError("scikit-learn" if library == "sklearn" else library) from error


def one_thread() -> AbstractContextManager[object]:
    """A context in which linear algebra uses one thread: the matrices are small, more threads only wait.

    On a busy machine this is several times faster.
    """
    load("scipy.linalg")  # limits hold for libraries that are there
    load("sklearn.ensemble")
    return load("threadpoolctl").threadpool_limits(1)
