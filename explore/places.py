"""Where studies are kept, as people read it: it never has a password."""

from __future__ import annotations

import re

PASSWORD = re.compile(r"(://[^/?#]*?:)[^/?#]*@")
"""What stands before a host, with a user's name and a password."""
PASSWORD_PARAMETER = re.compile(r"([?&][^=&]*(?:pass|pwd|secret|token|key)[^=&]*=)[^&]*", re.IGNORECASE)
"""A parameter of a URL that is a password by its name."""
HIDDEN = "***"
"""What stands in the place of a password, as SQLAlchemy has it."""


def shown_place(place: str | None) -> str:
    """A place as messages, pages and JSON show it: a path, or a URL without its passwords."""
    if place is None or "://" not in place:
        return str(place)
    return PASSWORD_PARAMETER.sub(rf"\1{HIDDEN}", PASSWORD.sub(rf"\1{HIDDEN}@", place))
