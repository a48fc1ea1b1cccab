"""Pictures of programs as SVG, from plain data: what is drawn can be read back from `data-*` attributes.

Coordinates are pixels of a picture that is shown at its own width; no file here knows the compiler's IR.
"""
