"""Tiling: into which pieces the work of each stage is cut.

    network ──► axes ──► problem ──► solver ──► cutting
                along    sizes and   how many   types, firings and periods
                which    readers     tiles      of tiles

`overlap_collectives` does the same for exchanges between sockets.
"""
