"""Placing: where on the grid everything lies, and which way tiles go.

allocated network ──► floorplan ──► place_units ──► routes ──► floorplan ──► route_channels
                      a solver      coordinates     flows      a solver      link loads
"""
