"""The explorer against other tools, on problems whose fronts are known.

Run from the repository root:

    .venv/bin/python benchmarks/explore.py install-peers     # environments of the peers, once, some GB
    .venv/bin/python benchmarks/explore.py run               # runs that the file of curves lacks
    .venv/bin/python benchmarks/explore.py report            # the tables, from the file

The kept file has the runs of all tools, so `report` needs no peer; `run` leaves out peers that are not
installed. `run --tools explorer --data FILE` measures again into another file. What each tool is told, and
how evaluations are counted, is in docs/explore.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path

from explore_data import DATA, Key, append, load
from explore_peers import CACHE, ENVIRONMENTS, PEERS, Peer, install, is_installed, run_peer, version
from explore_runs import TARGETS, Curve, run_optimizer, run_random
from explore_tables import LAST, print_ablations, print_pooled, print_problem
from explore_variants import VARIANTS, Variant
from loop_nest import loop_nest
from mapping_spaces import CASES, mapping_problem
from problems import Problem, new_problems, problems
from rich.console import Console

from kl import __version__

RANDOM = "random"
RANDOM_SEEDS = 20
"""Divisor-pruned random search: all points that satisfy the known constraints, shuffled."""

FIRST_SEED = 500
"""Seeds of all runs count from here: smaller ones were used while the explorer was made."""

PAPER = "pareto-wall"
"""The paper's Algorithm 1: a variant of the explorer."""

TOOLS = (*(variant.name for variant in VARIANTS[:3]), RANDOM, *(peer.name for peer in PEERS))
"""What is compared; the other variants are ablations."""


NEW = ("ctp1", "ctp2", "mw1", "mw7", "disc-brake", "staircase")
"""Problems that nothing was chosen on."""

PROBLEMS = ("srn", "osy", "welded-beam", "loop-nest", *(f"mapping-{case.name}" for case in CASES), *NEW)
"""The grids, the loop nest, the mapping spaces of the compiler, and the new ones."""


def find_problem(name: str) -> Problem:
    """The problem with a name."""
    for case in CASES:
        if name == f"mapping-{case.name}":
            return mapping_problem(case)
    return next(problem for problem in (*problems(), loop_nest(), *new_problems()) if problem.name == name)


@cache
def change(variant: Variant, problem: Problem) -> Problem:
    """What a variant makes of a problem, kept since its front is dear."""
    return variant.change(problem)


def run_tool(tool: str, problem: Problem, seed: int, peers: Path) -> Curve:
    """One run of any tool, up to the last target."""
    for variant in VARIANTS:
        if variant.name == tool:
            return run_variant(variant, problem, seed)
    for peer in PEERS:
        if peer.name == tool:
            return run_peer(peer, problem, seed, peers)
    return run_random(problem, seed)


def run_variant(variant: Variant, problem: Problem, seed: int) -> Curve:
    """A run of the explorer."""
    return run_optimizer(
        change(variant, problem),
        seed,
        variant.budget,
        variant.settings,
        variant.batch,
        variant.told,
        enough=LAST,
        knows_reference=variant.knows_reference,
    )


def seeds_of(tool: str, problem: Problem) -> int:
    """How many runs of a tool there are on a problem."""
    for variant in VARIANTS:
        if variant.name == tool:
            return variant.seeds if variant.applies(problem) else 0
    return next((peer.seeds for peer in PEERS if peer.name == tool), RANDOM_SEEDS)


def version_of(tool: str, peers: Path) -> str:
    """The version of a tool, for the file of curves."""
    found = [peer for peer in PEERS if peer.name == tool]
    return version(found[0].environment, peers) if found else __version__


def command_of(key: Key) -> str:
    """What makes a run again, and those of smaller seeds."""
    tool, problem, seed = key
    seeds = seed - FIRST_SEED + 1
    return f"benchmarks/explore.py run --tools {tool} --problems {problem} --seeds {seeds}"


def _run_one(job: tuple[str, str, int, Path]) -> tuple[tuple[str, str, int], Curve]:
    tool, name, seed, peers = job
    return (tool, name, seed), run_tool(tool, find_problem(name), seed, peers)


def run(arguments: argparse.Namespace) -> None:
    """Make the curves that are missing, seed by seed."""
    console = Console()
    tools = [tool for tool in arguments.tools if _is_there(tool, arguments.peers, console)]
    known = load(arguments.data)
    chosen = [find_problem(name) for name in arguments.problems]
    jobs = [
        (tool, problem.name, FIRST_SEED + number, arguments.peers)
        for number in range(arguments.seeds)
        for problem in chosen
        for tool in tools
        if number < seeds_of(tool, problem) and (tool, problem.name, FIRST_SEED + number) not in known
    ]
    versions = {tool: version_of(tool, arguments.peers) for tool in tools}
    with ProcessPoolExecutor(arguments.jobs) as pool:
        for key, curve in pool.map(_run_one, jobs):
            append(arguments.data, key, versions[key[0]], command_of(key), curve)
            console.print(*key, curve.reaching(LAST), f"{curve.steps[-1][1] if curve.steps else 0:.4f}")


def _is_there(tool: str, peers: Path, console: Console) -> bool:
    found: list[Peer] = [peer for peer in PEERS if peer.name == tool]
    if not found or is_installed(found[0].environment, peers):
        return True
    console.print(f"{tool} is left out: it is not installed in {peers}; run install-peers")
    return False


def report(arguments: argparse.Namespace) -> None:
    """Print the tables."""
    console = Console(width=arguments.width)
    curves = load(arguments.data)
    tools = [*TOOLS, PAPER]
    names = [name for name in arguments.problems if any(problem == name for _, problem, _ in curves)]
    for name in names:
        print_problem(console, curves, name, tools)
    for target in TARGETS:
        print_pooled(console, curves, names, tools, target)
    print_ablations(console, curves, names, {variant.name: variant.meaning for variant in VARIANTS})


def install_peers(arguments: argparse.Namespace) -> None:
    """Make the environments that are missing."""
    for environment in ENVIRONMENTS:
        if not is_installed(environment, arguments.peers):
            print(f"installing {environment.name} into {arguments.peers}")
            install(environment, arguments.peers)


def parse(words: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    every = [variant.name for variant in VARIANTS] + [RANDOM] + [peer.name for peer in PEERS]
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for action in (install_peers, run, report):
        command = commands.add_parser(action.__name__.replace("_", "-"), help=action.__doc__)
        command.set_defaults(action=action)
        command.add_argument("--peers", type=Path, default=CACHE, help="folder of the peers' environments")
        command.add_argument("--data", type=Path, default=DATA, help="file of the curves")
        command.add_argument("--problems", nargs="+", choices=PROBLEMS, default=PROBLEMS)
        command.add_argument("--tools", nargs="+", choices=every, default=every)
        command.add_argument(
            "--seeds", type=int, default=20, help="at most so many runs of a tool on a problem"
        )
        command.add_argument("--jobs", type=int, default=1, help="runs at a time")
        command.add_argument("--width", type=int, default=120, help="columns of the tables")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> None:
    """Do what the command says."""
    arguments = parse(words)
    arguments.action(arguments)


if __name__ == "__main__":
    main()
