"""The list of mutants that are right when they are asked plainly."""

from __future__ import annotations

from tests.mutants.catalogue import ASKED, GRADIENTS, INITIAL, PER_SAMPLE, Call, Mutant

ASKED_OTHERWISE = (
    Mutant(
        "asked:off_without_grad",
        "operands that learn take a wrong path under no_grad",
        (ASKED,),
        Call(asked="no_grad"),
    ),
    Mutant(
        "asked:off_in_inference",
        "inference mode takes a wrong path",
        (ASKED,),
        Call(asked="inference_mode"),
    ),
    Mutant(
        "asked:bias_lost_under_vmap",
        "the bias is lost under torch.vmap",
        (ASKED,),
        Call(bias=True, asked="vmap-input"),
    ),
    Mutant(
        "asked:off_on_several_threads",
        "several threads compute something else",
        (ASKED,),
        Call(asked="threads"),
    ),
    Mutant(
        "asked:off_under_autocast",
        "autocast takes a wrong path",
        (ASKED,),
        Call(dtype="bfloat16", asked="autocast"),
    ),
    Mutant(
        "asked:off_if_only_the_weight_learns",
        "the weight's gradient is wrong if nothing else learns",
        (GRADIENTS,),
        Call(gradients=("weight",)),
        Call(gradients=("input", "weight")),
    ),
    Mutant(
        "asked:expanded_gradient_read_once",
        "of an expanded grad_output one element is read",
        (ASKED,),
        Call(gradients=("input",), kind="ones", asked="sum-backward"),
    ),
    Mutant(
        "asked:second_pass_doubled",
        "the second backward pass through one graph is doubled",
        (ASKED,),
        Call(gradients=("input",), asked="retain-graph"),
    ),
    Mutant(
        "asked:per_sample_gradient_averaged",
        "per-sample gradients are their mean",
        (PER_SAMPLE,),
        Call(gradients=("weight",), derivative="per-sample"),
    ),
    Mutant(
        "asked:PacksOnce",
        "weights loaded in place after the first call are ignored",
        (ASKED,),
        Call(asked="state_dict"),
    ),
    Mutant(
        "asked:BoundToTheOriginal",
        "a copied layer computes with the original's weight",
        (ASKED,),
        Call(asked="deepcopy"),
    ),
    Mutant(
        "asked:NumbersAreHeights",
        "a stride or padding given as one number is that of the rows alone",
        (ASKED,),
        Call(stride=(2, 2), asked="int-arguments"),
    ),
    Mutant(
        "asked:EvaluatesWithoutBias",
        "evaluation forgets the bias",
        (ASKED,),
        Call(bias=True, asked="eval"),
    ),
    Mutant(
        "asked:OwnParametersOnly",
        "functional_call is ignored",
        (ASKED,),
        Call(asked="functional_call"),
    ),
    Mutant(
        "fresh:StartsTooWide",
        "the weight is drawn from twice the range",
        (INITIAL,),
        Call(asked="initial"),
    ),
    Mutant(
        "fresh:StartsTheSame",
        "no seed reaches the parameters",
        (INITIAL,),
        Call(asked="initial"),
    ),
    Mutant(
        "fresh:ForgetsBias",
        "the bias starts as zeros",
        (INITIAL,),
        Call(bias=True, asked="initial"),
    ),
)
