"""A client for the scenario `client_chakong_haimes.json`: it starts `kl explore`, and answers its requests.

    python client.py [COMMAND ...]

Any other program that speaks HyperMapper's protocol may be given as the command.
"""

from __future__ import annotations

import sys
from pathlib import Path
from subprocess import PIPE, Popen

from functions import chakong_haimes

FOLDER = Path(__file__).parent
COMMAND = ["kl", "explore", str(FOLDER / "client_chakong_haimes.json")]
OUTPUTS = ("f1_value", "f2_value", "Valid")


def main(command: list[str]) -> int:
    """Answer requests until the other side says that it is done."""
    with Popen(command, stdin=PIPE, stdout=PIPE, text=True) as explorer:
        assert explorer.stdin is not None, "it is a pipe"
        assert explorer.stdout is not None, "it is a pipe"
        while (line := explorer.stdout.readline()).startswith("Request"):
            names = explorer.stdout.readline().strip().split(",")
            print(",".join([*names, *OUTPUTS]), file=explorer.stdin)
            for _ in range(int(line.split()[1])):
                values = [float(text) for text in explorer.stdout.readline().split(",")]
                outputs = chakong_haimes(dict(zip(names, values, strict=True)))
                print(*values, *(outputs[name] for name in OUTPUTS), sep=",", file=explorer.stdin)
            explorer.stdin.flush()
        print(line, end="")
    return explorer.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or COMMAND))
