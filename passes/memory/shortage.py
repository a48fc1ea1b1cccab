"""What to say where a model does not fit: what is short by how much, and what would hold it."""

from __future__ import annotations

from ...dialects.machine import Machine


def size_text(size_bytes: int) -> str:
    """Bytes in a binary unit, at most GiB: `94.75 GiB`."""
    for power, unit in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
        if size_bytes >= 1 << power:
            return f"{size_bytes / (1 << power):.2f} {unit}"
    return f"{size_bytes} bytes"


def _short(what: str, needed: int, held: int, machine: Machine, tier: str) -> str:
    """Both numbers and the difference, of a socket and, where there are several, of all."""
    sockets = machine.sockets
    per_socket = "" if sockets == 1 else " on each socket"
    text = (
        f"{what} {size_text(needed)} of {tier}{per_socket}, the machine has {size_text(held)}: "
        f"{size_text(needed - held)} short"
    )
    if sockets == 1:
        return text
    needed, held = needed * sockets, held * sockets
    return (
        f"{text}; on all {sockets} sockets {size_text(needed)} of {size_text(held)}, "
        f"{size_text(needed - held)} short"
    )


def _sockets(needed: int, held: int, machine: Machine) -> int:
    """The least power of two above the machine's sockets among which the need, shared out, fits."""
    count = 1
    while count <= machine.sockets or needed * machine.sockets > held * count:
        count *= 2
    return count


def without_spill(needed: int, spills: bool, machine: Machine) -> str:
    """The message where HBM is too small; `spills` says that DDR has room for the rest."""
    sockets = _sockets(needed, machine.hbm_bytes, machine)
    other = (
        "let DDR hold the rest: --spill, or plan-memory{spill=true}" if spills else "use a smaller context"
    )
    return (
        f"{_short('the model needs', needed, machine.hbm_bytes, machine, 'HBM')}\n"
        f"help: {sockets} sockets would hold it, estimated by dividing; or {other}"
    )


def without_hbm(needed: int, machine: Machine) -> str:
    """The message where HBM cannot hold even what has to lie there."""
    return (
        f"{_short('inputs and values of a step need', needed, machine.hbm_bytes, machine, 'HBM')}\n"
        "help: weights and caches can be spilled, these cannot; use a smaller batch or a larger hbm_bytes"
    )


def without_ddr(needed: int, spilled: int, machine: Machine) -> str:
    """The message where DDR is too small for what HBM cannot hold."""
    sockets = _sockets(needed, machine.hbm_bytes + machine.ddr_bytes, machine)
    return (
        f"{_short('what HBM cannot hold needs', spilled, machine.ddr_bytes, machine, 'DDR')}\n"
        f"help: {sockets} sockets would hold it, estimated by dividing; or use a smaller context"
    )
