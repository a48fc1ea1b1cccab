"""Placing: where on the grid everything lies, and which way tiles go.

allocated network ──► placement ──► place_units ──► routes ──► routing ──► route_channels
                      a solver      coordinates     flows      a solver    link loads
"""
