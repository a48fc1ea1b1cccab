"""Tiling: into which pieces the work of each stage is cut.

network ──► problem ──────────► solver ──► tile_stages
            axes, sizes and     how many   types, firings and periods
            readers             tiles      of tiles

network ──► socket_loads ─────► exchanges ──► overlap_collectives
            bytes and cycles    algorithm,    tiles that are exchanged
            of a socket         sockets       as they are made
"""
