"""`Mutant` and `Call`: what the lists of mutants are made of. Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Mapping
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
FORMAT = "test_output_has_the_memory_format_of_its_operands"
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
LARGE = "test_large_extents_at_sampled_positions"
REFUSED = "test_invalid_calls_are_refused"
EDITED = "test_every_way_to_be_invalid_is_refused"
SEES = "test_special_values_reach_what_sees_them"
ENDS = "test_ends_of_the_range_lie_in_their_enclosures"
PAIRS = "test_every_pair_of_levels"
EMPTY = "test_an_empty_batch_has_an_empty_output"
CHANNELLESS = "test_without_input_channels_the_output_is_the_bias"
STEPS = "test_steps_beyond_every_extent_are_steps"
NETWORKS = "test_layers_of_known_networks"
TRAINING = "test_each_step_of_gradient_descent_lies_in_its_enclosure"
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
    FORMAT,
    OWNS,
    SAME_BITS,
    GRADIENTS,
    ADJOINT,
    TANGENT,
    SECOND,
    FLIPPED,
    MODES,
    SEQUENCES,
    ASKED,
    PER_SAMPLE,
    INITIAL,
    LARGE,
    REFUSED,
    EDITED,
    SEES,
    ENDS,
    PAIRS,
    EMPTY,
    CHANNELLESS,
    STEPS,
    NETWORKS,
    TRAINING,
    *ENDINGS,
)

# What kind of defect a mutant has.
CLASSES = (
    "geometry",  # padding, stride, dilation, size of the output
    "kernel",  # which taps and channels are read, and in which order
    "tail",  # what is left over by a vector, tile or block
    "groups",  # groups and depthwise paths
    "bookkeeping",  # bias, batch, form of the result
    "layout",  # strides and offsets of operands
    "memory",  # writes to operands, shared or unwritten outputs
    "state",  # caches, dependence on earlier calls or on chance
    "gradient",  # derivatives alone
    "precision",  # too few bits, too small a range, not bilinear
    "special",  # NaN and infinities
    "validation",  # an invalid call is accepted, or refused badly
    "extent",  # more elements than an index or a tile has room for
    "layer",  # parameters of a fresh layer
    "mode",  # wrong in a mode of execution, or in one way of asking for gradients
)


@dataclass(frozen=True)
class Call:
    """One hand-made call, or several: shapes, parameters, and the kind of values (of a `Recipe`).

    layouts      how operands lie in memory: "input:offset", a level of `properties.layouts`, or
                 one of tests/calls.py; "input" alone is channels_last
    special      elements of operands: name, flat index, value
    gradients    the operands that they are asked of; of a derivative that asks itself, none
    derivative   as in a `Case`, along directions of ones
    mode         as in a `Case`, or one of tests/calls.py: "initial", where the parameters of a
                 fresh layer are the result
    calls        how often it is made, in the same tensors and the same layer, each time with
                 other values unless `repeat`, but for the operands that it `keeps`
    before       a call that is made first, and is right
    overwrite    each output is written to before the next call
    between      each backward pass has a call with other values before it
    strides      those of the output count, too
    unseen       torch does not count the changes of the operands
    invalid      the call is made with each edit of this name (`properties.edits`), then as it is
    refused      the call is invalid as it is: torch refuses it
    """

    x: tuple[int, ...] = (2, 4, 7, 6)
    w: tuple[int, int, int, int] = (4, 4, 3, 3)
    stride: Pair = (1, 1)
    padding: Pair | str = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1
    padding_mode: str = "zeros"
    bias: bool = False
    dtype: str = "float32"
    kind: str = "integers"
    exponent: int = 0
    layouts: tuple[str, ...] = ()
    special: tuple[tuple[str, int, float], ...] = ()
    gradients: tuple[str, ...] = ()
    derivative: str = "first"
    mode: str = "eager"
    calls: int = 1
    repeat: bool = False
    keeps: tuple[str, ...] = ()
    before: Call | None = None
    overwrite: bool = False
    between: bool = False
    strides: bool = False
    unseen: bool = False
    invalid: str = ""
    refused: bool = False


@dataclass(frozen=True)
class Mutant:
    """A wrong implementation with one defect, and the properties that must each kill it.

    `trigger` is a call that shows the defect, `clear` one outside its region. `klass` is one of
    `CLASSES`; `source` the report that the defect is re-created from. `region` says where it shows:
    all of these factors must have these levels, on all data but by chance. `fatal` is the kind of
    its violation where it ends the process: any other may not be killed by a crash of torch.
    """

    place: str
    defect: str
    killers: tuple[str, ...]
    trigger: Call
    clear: Call = field(default_factory=Call)
    klass: str = field(kw_only=True)
    source: str = field(default="own", kw_only=True)
    region: Mapping[str, str] = field(default_factory=dict, kw_only=True, hash=False)
    fatal: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        if self.klass not in CLASSES:
            raise ValueError(f"`klass`={self.klass!r} is not one of {', '.join(CLASSES)}")

    @property
    def target(self) -> str:
        """The implementation, as a user would name it."""
        return f"tests.mutants.{self.place}"

    @property
    def name(self) -> str:
        """The attribute of its module: unique among the mutants."""
        return self.place.partition(":")[2]

    @property
    def family(self) -> str:
        """The module that it is in."""
        return self.place.partition(":")[0]

    @property
    def strength(self) -> int:
        """The number of factors that must meet; 0: wrong on nearly every call."""
        return len(self.region)
