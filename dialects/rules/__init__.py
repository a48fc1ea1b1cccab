"""The rules of our operations, by name: which types fit together, and their FLOPs.

One table for the dialects, whose operations are checked as they are made and changed, and for programs, whose
instructions are checked as plain data: nothing here needs xDSL or numpy. What operands and attributes decide
of a result is checked. Free are the type of floats to which a cast, a matrix product and a dequantized weight
are rounded, the extent of a slice, and the parts of an all_gather. An operation of another package has no
entry: its class says what its rule would, so that nothing is known of it without the package.
"""

from __future__ import annotations

from collections.abc import Mapping

from .attention import ATTENTION
from .elementwise import ELEMENTWISE
from .exchanges import EXCHANGES
from .experts import EXPERTS
from .norms import NORMS
from .products import PRODUCTS
from .rope import ROPE
from .rows import ROWS
from .rule import Attributes as Attributes
from .rule import Call as Call
from .rule import Rule as Rule
from .rule import RuleError as RuleError
from .rule import Spec as Spec
from .rule import Tensor as Tensor
from .sampling import SAMPLING
from .stored import STORED
from .views import VIEWS

RULES: Mapping[str, Rule] = {
    **ATTENTION,
    **ELEMENTWISE,
    **EXCHANGES,
    **EXPERTS,
    **NORMS,
    **PRODUCTS,
    **ROPE,
    **ROWS,
    **SAMPLING,
    **STORED,
    **VIEWS,
}
"""Each of our operations that computes."""
