"""How large a model may be, so that what is given always has an answer."""

MOST_LAYERS = 8_192
"""Assumed: 65 times those of the largest published model. A layer stands in the IR once for each."""

MOST_SLOPES = 65_536
"""Assumed: 500 times the heads of the largest published model. Slopes of heads are numbers in the text."""
