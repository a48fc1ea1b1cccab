"""Tiling: into which pieces the work of each stage is cut.

    network ──► problem ──────────► solver ──► tile_stages
                axes, sizes and     how many   types, firings and periods
                readers             tiles      of tiles

`overlap_collectives` does the same for exchanges between sockets.
"""
