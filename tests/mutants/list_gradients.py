"""The list of mutants with wrong gradients."""

from __future__ import annotations

from tests.mutants.catalogue import (
    ADJOINT,
    ENDINGS,
    GRADIENTS,
    SECOND,
    TANGENT,
    TRAINING,
    Call,
    Mutant,
)

ALL = ("input", "weight", "bias")

GRADIENT = (
    Mutant(
        "gradients:grad_input_tail_lost",
        "the last window gives no gradient if the stride does not divide the height",
        (GRADIENTS, ADJOINT),
        Call(x=(2, 4, 8, 6), stride=(2, 1), gradients=("input",)),
        Call(stride=(2, 2), gradients=ALL[:2]),
    ),
    Mutant(
        "gradients:grad_input_flipped",
        "the input's gradient uses the flipped kernel",
        (GRADIENTS, ADJOINT),
        Call(gradients=("input",)),
        Call(w=(4, 4, 1, 1), gradients=ALL, bias=True),
    ),
    Mutant(
        "gradients:grad_input_groups_rotated",
        "each group's input gradient goes to the next group",
        (GRADIENTS, ADJOINT),
        Call(w=(4, 2, 3, 3), groups=2, gradients=("input",)),
        Call(gradients=ALL, bias=True),
    ),
    Mutant(
        "gradients:grad_input_border_lost",
        "the first row of a padded input gets no gradient",
        (GRADIENTS, ADJOINT),
        Call(padding=(1, 1), gradients=("input",)),
        Call(padding=(0, 1), gradients=ALL[:2]),
    ),
    Mutant(
        "gradients:grad_input_lost_with_frozen_weight",
        "the input's gradient is zero when the weight needs none",
        (GRADIENTS,),
        Call(gradients=("input",)),
        Call(gradients=ALL[:2]),
    ),
    Mutant(
        "gradients:grad_input_scaled",
        "the input's gradient is 2**-10 too large",
        (GRADIENTS, ADJOINT),
        Call(gradients=("input",)),
        Call(gradients=("weight",)),
    ),
    Mutant(
        "gradients:grad_weight_transposed",
        "the gradient of a square kernel is transposed",
        (GRADIENTS, TRAINING),
        Call(gradients=("weight",)),
        Call(w=(4, 4, 2, 3), gradients=ALL, bias=True),
    ),
    Mutant(
        "gradients:grad_weight_without_last_image",
        "the last image gives the weight no gradient",
        (GRADIENTS, TRAINING),
        Call(gradients=("weight",)),
        Call(x=(1, 4, 7, 6), gradients=ALL, bias=True),
    ),
    Mutant(
        "gradients:grad_weight_in_bfloat16",
        "the weight's gradient is rounded to bfloat16",
        (GRADIENTS, TRAINING, *ENDINGS),
        Call(kind="normal", gradients=("weight",)),
        Call(kind="normal", gradients=("input",)),
    ),
    Mutant(
        "gradients:grad_weight_accumulates",
        "the weight's gradient contains the previous call's",
        (TRAINING,),
        Call(gradients=("weight",), calls=2),
        Call(w=(3, 4, 3, 3), gradients=("weight",)),
    ),
    Mutant(
        "gradients:grad_bias_is_a_mean",
        "the bias's gradient is a mean",
        (GRADIENTS, TRAINING),
        Call(bias=True, gradients=("bias",)),
        Call(x=(1, 4, 3, 3), bias=True, gradients=ALL),
    ),
    Mutant(
        "gradients:grad_bias_of_first_image",
        "the bias's gradient is that of the first image",
        (GRADIENTS,),
        Call(bias=True, gradients=("bias",)),
        Call(x=(1, 4, 7, 6), bias=True, gradients=ALL),
    ),
    Mutant(
        "gradients:grad_output_strides_ignored",
        "grad_output is read as if contiguous",
        (GRADIENTS,),
        Call(gradients=("input",), layouts=("grad_output",)),
        Call(gradients=ALL[:2], layouts=("input",)),
    ),
    Mutant(
        "gradients:tangent_without_weight",
        "forward mode forgets the direction of the weight",
        (TANGENT,),
        Call(derivative="forward-mode"),
        Call(gradients=ALL, bias=True),
    ),
    Mutant(
        "gradients:grad_input_without_graph",
        "the input's gradient has no gradients of its own",
        (SECOND,),
        Call(gradients=ALL[:2], derivative="second"),
        Call(gradients=ALL, bias=True),
    ),
)
