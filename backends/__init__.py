"""From IR to numbers and times: the reference interpreter, and the target machines."""

DEFAULT_TARGET = "sn40l"
"""The name of the target where none is named."""
