"""Frontends: from a model's description to the nn level. The model language: `docs/language.md`."""

from .model import load_model

__all__ = ["load_model"]
