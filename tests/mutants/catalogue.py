"""`Mutant` and `Call`: what the lists of mutants are made of. Nothing here imports torch."""

from __future__ import annotations

from dataclasses import dataclass, field

Pair = tuple[int, int]

VALUE = "test_value_lies_in_its_enclosure"
INTEGERS = "test_integers_are_exact"
FORM = "test_output_has_the_defined_shape_dtype_and_device"
POINTWISE = "test_pointwise_is_a_matrix_product"
PADDING = "test_padding_is_pad_then_valid"
STRIDE = "test_stride_is_a_subsample_of_stride_1"
DILATION = "test_dilation_is_a_zero_inserted_kernel"
GROUPS = "test_groups_are_a_concatenation"
LINEAR_INPUT = "test_linear_in_input"
LINEAR_WEIGHT = "test_linear_in_weight"
SCALING = "test_scaling_by_a_power_of_two_is_exact"
BIAS = "test_bias_adds"
BATCH = "test_batch_rows_are_independent"
UNBATCHED = "test_unbatched_is_a_batch_of_one"
UNCHANGED = "test_inputs_are_unchanged"
OWNS = "test_output_owns_its_memory"
SAME_BITS = "test_same_call_gives_same_bits"
GRADIENTS = "test_gradients_lie_in_their_enclosures"
ADJOINT = "test_adjoint_identity"
TANGENT = "test_forward_mode_is_the_derivative"
SECOND = "test_second_order_gradients_lie_in_their_enclosures"
FLIPPED = "test_flipped_kernel_is_true_convolution"
MODES = "test_padding_modes_pad_as_defined"
SEQUENCES = "test_sequences_of_calls"
ASKED = "test_modes_agree"
PER_SAMPLE = "test_per_sample_gradients_lie_in_their_enclosures"
INITIAL = "test_initial_parameters_are_bounded"
TRAINING = "test_each_step_of_gradient_descent_lies_in_its_enclosure"
LARGE = "test_large_extents_at_sampled_positions"
REFUSED = "test_invalid_calls_are_refused"
SEES = "test_special_values_reach_what_sees_them"
ENDS = "test_ends_of_the_range_lie_in_their_enclosures"
# Where descent ends: at the true kernel, or as near to it as the data allow.
ENDINGS = (
    "test_kernel_is_recovered",
    "test_unidentifiable_kernel_ends_at_the_projection",
    "test_true_convolution_teaches_the_flipped_kernel",
    "test_edge_kernel_is_recovered",
    "test_ambiguous_kernel_ends_at_one_half",
)

PROPERTIES = (
    VALUE,
    INTEGERS,
    FORM,
    POINTWISE,
    PADDING,
    STRIDE,
    DILATION,
    GROUPS,
    LINEAR_INPUT,
    LINEAR_WEIGHT,
    SCALING,
    BIAS,
    BATCH,
    UNBATCHED,
    UNCHANGED,
    OWNS,
    SAME_BITS,
    GRADIENTS,
    ADJOINT,
    TANGENT,
    SECOND,
    FLIPPED,
    MODES,
    SEQUENCES,
    SEES,
    ENDS,
    ASKED,
    PER_SAMPLE,
    INITIAL,
    TRAINING,
    LARGE,
    REFUSED,
    *ENDINGS,
)


@dataclass(frozen=True)
class Call:
    """One hand-made call: shapes, parameters, and the kind of values (a key of `KINDS`).

    `layouts` names the operands that are channels_last; `calls` is how often it is made, each
    time with other values unless `repeat`, but for the operands that it `keeps`; `gradients` names
    those asked for; `mode` is the padding mode (modules only); `derivative` is as in a `Case`,
    along directions of ones; `asked` is the mode of the case, or "initial": then the parameters of
    a fresh layer are the result. `before` is made first, `overwrite` writes to each output before
    the next call, and `between` makes another forward pass before each backward pass. With
    `invalid` the call is made with each edit of this name, and then as it is. `special` replaces
    the first values of operands, one after another.
    """

    x: tuple[int, ...] = (2, 4, 7, 6)
    w: tuple[int, int, int, int] = (4, 4, 3, 3)
    stride: Pair = (1, 1)
    padding: Pair | str = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1
    bias: bool = False
    dtype: str = "float32"
    kind: str = "integers"
    exponent: int = 0
    layouts: tuple[str, ...] = ()
    gradients: tuple[str, ...] = ()
    calls: int = 1
    repeat: bool = False
    mode: str = "zeros"
    derivative: str = "first"
    keeps: tuple[str, ...] = ()
    before: Call | None = None
    overwrite: bool = False
    between: bool = False
    invalid: str = ""
    special: tuple[tuple[str, float], ...] = ()
    asked: str = "eager"


@dataclass(frozen=True)
class Mutant:
    """A wrong implementation with one defect, and the properties that must each kill it.

    `trigger` is a call that shows the defect, `clear` one outside its region. `fatal` is the kind
    of its violation where it ends the process: any other may not be killed by a crash of torch.
    """

    place: str
    defect: str
    killers: tuple[str, ...]
    trigger: Call
    clear: Call = field(default_factory=Call)
    fatal: str = ""

    @property
    def target(self) -> str:
        """The implementation, as a user would name it."""
        return f"tests.mutants.{self.place}"

    @property
    def name(self) -> str:
        """The attribute of its module: unique among the mutants."""
        return self.place.partition(":")[2]
