"""The cheats that generated kernels are known for: who plays each here, and what finds it.

Those that look for the expected values, or for what compares them, find neither: the judge is
another process, into which a worker may not look, and computes what it expects after the answer
has come. What a worker reports of itself is another matter (writes to operands, shared memory,
late writes, fallbacks): code that reaches into the worker can hide these. It cannot make a wrong
value right.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.mutants import catalogue as p

RUNNER = "what every call owes"
OWN = "--conv2d-own"
ROWS = (
    "returns memory that holds the answer",
    "answers from a cache",
    "skips work",
    "computes in lower precision",
    "knows the shapes, parameters or weights of a benchmark",
    "writes to its operands",
    "returns NaN where a comparison lets it pass",
    "returns something other than a plain tensor of the operands' dtype",
    "computes after it has returned",
    "patches what compares",
    "searches for the expected values",
    "behaves until it has been looked at",
    "falls back to torch",
    "gives other bits each time",
    "is right in the forward pass alone",
)


@dataclass(frozen=True)
class Cheat:
    """An implementation of tests.mutants or tests.hostile, the kind that it is, and what finds it.

    `by` is a property of the gate, `RUNNER` or `OWN`.
    """

    row: str
    place: str
    kind: str
    by: str = RUNNER

    @property
    def name(self) -> str:
        """The attribute of its module."""
        return self.place.partition(":")[2]

    @property
    def target(self) -> str:
        """The implementation, as a user would name it."""
        return f"tests.{self.place}"


CHEATS = (
    Cheat(ROWS[0], "hostile.cheats:returns_freed_memory", "value"),
    Cheat(ROWS[0], "hostile.answers:reuses_buffer", "alias"),
    Cheat(ROWS[0], "mutants.memory:outputs_in_one_arena", "alias", p.OWNS),
    Cheat(ROWS[1], "hostile.cheats:cached_by_id", "value", p.SEQUENCES),
    Cheat(ROWS[1], "mutants.caches:results_cached_by_address", "value", p.SEQUENCES),
    Cheat(ROWS[1], "mutants.state:results_cached_by_shape", "relation", p.LINEAR_INPUT),
    Cheat(ROWS[1], "mutants.state:weights_cached_by_shape", "value", p.SEQUENCES),
    Cheat(ROWS[2], "hostile.cheats:zeros", "value", p.VALUE),
    Cheat(ROWS[2], "hostile.cheats:constant", "value", p.VALUE),
    Cheat(ROWS[2], "hostile.answers:tile_unwritten", "value"),
    Cheat(ROWS[2], "mutants.kernels:last_column_tail", "value", p.INTEGERS),
    Cheat(ROWS[3], "mutants.numerics:tf32_operands", "value", p.VALUE),
    Cheat(ROWS[3], "mutants.numerics:float16_accumulator", "value", p.VALUE),
    Cheat(ROWS[4], "hostile.cheats:one_problem", "error", p.FORM),
    Cheat(ROWS[4], "hostile.cheats:other_weights", "value", p.VALUE),
    Cheat(ROWS[5], "hostile.answers:writes_input", "mutation"),
    Cheat(ROWS[5], "hostile.answers:writes_after_input", "mutation"),
    Cheat(ROWS[6], "hostile.answers:nan_element", "value"),
    Cheat(ROWS[6], "mutants.special:nan_results_cleared", "poison", p.SEES),
    Cheat(ROWS[7], "hostile.answers:returns_doubles", "dtype"),
    Cheat(ROWS[7], "hostile.answers:returns_subclass", "type"),
    Cheat(ROWS[7], "hostile.answers:returns_sparse", "type"),
    Cheat(ROWS[7], "hostile.cheats:computes_when_asked", "type"),
    Cheat(ROWS[8], "hostile.answers:thread_writes_soon", "late-write"),
    Cheat(ROWS[8], "hostile.answers:pool_writes_later", "late-write"),
    Cheat(ROWS[9], "hostile.channel:patches_comparisons", "value"),
    Cheat(ROWS[10], "hostile.cheats:searches_all_objects", "value"),
    Cheat(ROWS[10], "hostile.cheats:searches_the_stack", "value"),
    Cheat(ROWS[10], "hostile.cheats:searches_open_files", "value"),
    Cheat(ROWS[10], "hostile.cheats:searches_the_judge", "value"),
    Cheat(ROWS[11], "mutants.state:careless_after_warm_up", "value", p.VALUE),
    Cheat(ROWS[11], "mutants.caches:second_call_tuned", "nondeterminism", p.SAME_BITS),
    Cheat(ROWS[12], "hostile.fallbacks:when_it_fails", "fallback", OWN),
    Cheat(ROWS[12], "hostile.fallbacks:when_large", "fallback", OWN),
    Cheat(ROWS[13], "mutants.state:random_summation_order", "nondeterminism", p.SAME_BITS),
    Cheat(ROWS[14], "hostile.answers:drops_gradient", "type"),
    Cheat(ROWS[14], "mutants.gradients:grad_weight_accumulates", "training", p.TRAINING),
)
