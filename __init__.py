"""`kl`: a kernel-looping compiler for the SN40L dataflow machine, built on xDSL.

The folders at the repository root are the subpackages of `kl`; `docs/architecture.md` follows a model through
them in the order data flows.
"""

__version__ = "0.1.0"
