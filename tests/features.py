"""What the field's suites check of a convolution, row by row, and which tests here cover it.

The rows are those of a survey of ten suites (benchdnn, PyTorch, MIOpen, CUTLASS, cudnn-frontend,
nvidia_libs_test, ONNX, JAX, TVM, caffe2 and Ivy), 1 to 85, and the ten and one things that none of
them had ("none 1" and so on). A row that is not covered says why in one line, and one that is
covered in part where it ends.
"""

from __future__ import annotations

from dataclasses import dataclass

PAIRS = "test_every_pair_of_levels"
VALUE = "test_value_lies_in_its_enclosure"
INTEGERS = "test_integers_are_exact"
FORM = "test_output_has_the_defined_shape_dtype_and_device"
GRADIENTS = "test_gradients_lie_in_their_enclosures"
MODES = "test_modes_agree"
SEES = "test_special_values_reach_what_sees_them"
ENDS = "test_ends_of_the_range_lie_in_their_enclosures"
REFUSED = "test_invalid_calls_are_refused"
EDITED = "test_every_way_to_be_invalid_is_refused"
UNCHANGED = "test_inputs_are_unchanged"
FORMAT = "test_output_has_the_memory_format_of_its_operands"
EMPTY = "test_an_empty_batch_has_an_empty_output"
CHANNELLESS = "test_without_input_channels_the_output_is_the_bias"
STEPS = "test_steps_beyond_every_extent_are_steps"
LARGE = "test_large_extents_at_sampled_positions"
FORMS = "test_forms_agree_bitwise_on_integers"
VACUOUS = "test_properties_without_a_case_verify_nothing"
REACHED = "test_every_level_is_reached"
GAP = "test_a_write_to_a_gap_is_a_write_next_to_the_operand"
SAME = "test_same_call_gives_same_bits"
KILLED = "test_every_killer_kills"
REQUIRED = "test_a_pair_of_levels_without_a_call_fails_the_whole"
JUDGED = "test_a_pair_of_levels_without_a_verdict_is_not_covered"
# On the CPU the allocator fills memory, and operands have bytes of ours round them.
DIRTY = "on CUDA new memory holds what lay there: nothing fills it"
UNGUARDED = "on CUDA the operands and the gaps between their elements, no bytes round them"


@dataclass(frozen=True)
class Feature:
    """A row: what it is, the tests that cover it and where they end, or why none does."""

    row: str
    what: str
    tests: tuple[str, ...] = ()
    why_not: str = ""
    limit: str = ""


def _covered(row: int, what: str, *tests: str, limit: str = "") -> Feature:
    return Feature(str(row), what, tests, limit=limit)


FEATURES: tuple[Feature, ...] = (
    _covered(1, "stride > 1", PAIRS, "test_stride_is_a_subsample_of_stride_1"),
    _covered(2, "unequal strides", PAIRS),
    _covered(3, "stride larger than the kernel", PAIRS),
    _covered(4, "dilation", PAIRS, "test_dilation_is_a_zero_inserted_kernel"),
    _covered(5, "unequal dilations", PAIRS),
    _covered(6, "unequal paddings", PAIRS, "test_padding_is_pad_then_valid"),
    _covered(7, "padding that differs at both ends ('same')", PAIRS),
    _covered(8, "windows of padding alone", PAIRS),
    _covered(9, "'same' with even kernels and dilation", PAIRS),
    _covered(10, "'valid'", PAIRS),
    _covered(11, "padding modes", PAIRS, "test_padding_modes_pad_as_defined"),
    _covered(12, "groups", PAIRS, "test_groups_are_a_concatenation"),
    _covered(13, "depthwise, with multiplier", PAIRS),
    _covered(
        14,
        "channels of 1, 2, 3, 5, 7 to 9, 15 to 17, 31 to 33 and 63 to 65",
        REACHED,
        PAIRS,
        limit="each number is drawn; pairs with other factors are of seven ranges of them",
    ),
    _covered(15, "asymmetric kernels", PAIRS),
    _covered(16, "even kernels", PAIRS),
    _covered(17, "kernel as large as the input", PAIRS),
    _covered(18, "1x1 kernels", "test_pointwise_is_a_matrix_product"),
    _covered(19, "no images, channels or rows", EMPTY, CHANNELLESS, EDITED),
    _covered(20, "no output channels: refused", EDITED),
    _covered(21, "an image without a batch", "test_unbatched_is_a_batch_of_one"),
    _covered(22, "bias and none", "test_bias_adds"),
    _covered(
        23,
        "shapes of real networks",
        "test_layers_of_known_networks",
        "test_every_call_of_lenet_is_judged",
        limit="single layers of at most 128 channels, on small images",
    ),
    _covered(24, "calls of known defects", "test_known_defects_are_as_recorded"),
    _covered(25, "random shapes", VALUE),
    _covered(26, "shrinking", "test_shrinks_to_the_plainest_call"),
    _covered(27, "more than 2^31 elements (--conv2d-large)", LARGE),
    _covered(28, "float64", PAIRS),
    _covered(29, "float16 and bfloat16", PAIRS),
    Feature("30", "fp8, fp4", why_not="torch's conv2d refuses them: NotImplementedError"),
    Feature("31", "quantised int8", why_not="another operator with scales; plain int8 is row 32"),
    _covered(32, "plain integers", INTEGERS),
    _covered(33, "complex64 and complex128", PAIRS),
    Feature("34", "complex32", why_not="not calibrated; torch warns that it is experimental"),
    Feature("35", "other dtypes out than in", why_not="conv2d has none; autocast is row 73"),
    _covered(36, "channels_last of each operand, and of the output", PAIRS, FORMAT),
    _covered(37, "arbitrary strides", PAIRS),
    _covered(
        38,
        "slices along images, channels, rows and columns",
        PAIRS,
        limit="along images every other one; steps of two also along columns, and along the "
        "channels of channels_last, none along rows",
    ),
    _covered(39, "expanded and overlapping", PAIRS),
    _covered(40, "odd strides of extents of one", PAIRS),
    _covered(41, "storage offset, misaligned pointer", PAIRS),
    _covered(42, "nn.Conv2d as a module", MODES, "test_initial_parameters_are_bounded"),
    _covered(43, "independent naive reference", FORMS),
    _covered(
        44, "a reference that is tested and importable", "test_forms_agree_bitwise_on_integers"
    ),
    _covered(45, "accumulation in higher precision", "test_value_lies_in_its_enclosure"),
    _covered(46, "exact integers, zero tolerance", INTEGERS),
    _covered(47, "real data", VALUE),
    _covered(48, "data that force rounding and saturation", ENDS),
    _covered(49, "a bound derived from shape and data", VALUE),
    _covered(50, "elementwise comparison", VALUE),
    _covered(51, "a comparator that sees NaN", SEES),
    _covered(52, "where NaN appears", SEES),
    _covered(53, "Inf, Inf - Inf, 0 * Inf, overflow", SEES, ENDS),
    _covered(54, "padding does not touch NaN outside the window", SEES),
    _covered(55, "subnormals", ENDS),
    _covered(
        56,
        "zeros of both signs among the operands",
        ENDS,
        limit="the sign of a zero result is free: it depends on the order of the sum",
    ),
    _covered(57, "cancellation and large magnitudes", VALUE, ENDS),
    _covered(58, "every element is written", VALUE, INTEGERS, KILLED, limit=DIRTY),
    _covered(59, "writes next to an operand", UNCHANGED, GAP, limit=UNGUARDED),
    _covered(60, "inputs unchanged", UNCHANGED),
    _covered(61, "dirty memory", VALUE, SAME, KILLED, limit=DIRTY),
    _covered(62, "the same bits again", SAME),
    _covered(63, "images are independent", "test_batch_rows_are_independent"),
    _covered(64, "metamorphic relations", "test_linear_in_input", "test_adjoint_identity"),
    _covered(65, "CPU and CUDA: each against the oracle", VALUE),
    _covered(
        66,
        "backends: oneDNN on and off",
        MODES,
        PAIRS,
        "test_without_onednn_its_rows_are_judged_by",
        limit="of torch's own convolution on the CPU; cuDNN is never switched off",
    ),
    _covered(67, "values of all gradients", GRADIENTS),
    _covered(68, "subsets of requires_grad", GRADIENTS),
    _covered(69, "double backward", "test_second_order_gradients_lie_in_their_enclosures"),
    _covered(70, "forward mode", "test_forward_mode_is_the_derivative"),
    _covered(71, "vmap, per-sample gradients", "test_per_sample_gradients_lie_in_their_enclosures"),
    _covered(
        72,
        "torch.compile",
        MODES,
        "test_every_mode_is_drawn_where_it_is_asked_for",
        limit="in the gate with aot_eager, a few calls; with Inductor where the domain names it",
    ),
    _covered(73, "autocast", MODES),
    _covered(
        74,
        "TF32 has a row of its own",
        "test_cuda_rows_follow_the_flag",
        "test_a_file_declares_rows",
        "test_every_fault_is_caught_and_no_correct_kernel",
        limit="the worker asks CUDA for IEEE: no gate runs torch's own convolution in TF32",
    ),
    _covered(75, "benchmark and deterministic flags", MODES),
    _covered(76, "no_grad and inference_mode", MODES),
    _covered(77, "shape, dtype and device of the output", FORM),
    _covered(78, "invalid calls are refused", REFUSED, EDITED),
    _covered(79, "parameters of 2^31 and 2^62", STEPS, EDITED),
    _covered(80, "crashes and lost contexts are isolated", "test_it_is_the_violation_that_it_is"),
    Feature("81", "device memory leaks", why_not="a property of a run, not of a call: not checked"),
    _covered(82, "another stream", MODES),
    _covered(83, "state_dict, deepcopy, pickle", MODES),
    _covered(84, "a run that verified nothing fails", VACUOUS),
    _covered(85, "mutation testing", KILLED),
    Feature("none 1", "module level, shrinking, a plain snippet", (MODES, PAIRS)),
    Feature("none 2", "both oracles at once", (VALUE, INTEGERS)),
    Feature("none 3", "special values", (SEES, ENDS)),
    Feature(
        "none 4",
        "the same refusals on every device",
        (REFUSED, EDITED),
        limit="each device by itself must refuse them: which exception it raises may differ, and "
        "so may what torch is known to accept",
    ),
    Feature(
        "none 5",
        "writes, gaps, dirty memory",
        (UNCHANGED, GAP, "test_output_owns_its_memory", SAME),
        limit=f"{UNGUARDED}; {DIRTY}",
    ),
    Feature("none 6", "strange strides with values compared", (PAIRS,)),
    Feature("none 7", "zero in every extent", (EMPTY, CHANNELLESS, EDITED)),
    Feature(
        "none 8",
        "coverage of pairs, reported and required",
        (PAIRS, REQUIRED, JUDGED),
        limit="all modes but torch.compile; in a narrower domain the pairs that a search finds; "
        "calls that meet known defects count, and the run says how many pairs have no others",
    ),
    Feature("none 9", "a mutation score in CI", (KILLED,)),
    Feature("none 10", "a tested, importable oracle", (FORMS,)),
    Feature("none 14", "one property over all modes", (MODES,)),
)
