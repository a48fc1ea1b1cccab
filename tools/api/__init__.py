"""The Python interface, `import kl`: what the commands do, as functions whose results are values."""

from .calls import compare as compare
from .calls import compile as compile
from .calls import show as show
from .calls import time as time
from .calls import verify as verify
from .compilation import Compilation as Compilation
from .errors import Error as Error
from .results import Comparison as Comparison
from .results import Memory as Memory
from .results import Page as Page
from .results import RunResult as RunResult
from .results import TimeResult as TimeResult
from .results import Variant as Variant
from .verification import VerifyResult as VerifyResult
