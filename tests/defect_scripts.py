"""`python -m tests.defect_scripts`: writes tests/defects/NAME.py, one for each known defect.

Each is what a report upstream needs: the recorded call with torch alone, and what is expected of
it. Exit status 1 while the defect is there, 0 when it is gone, 2 where it cannot show.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from properties.case import Case
from properties.dtypes import DTYPES, Exact
from properties.invalid import Edit, Invalid
from properties.known import KnownDefect
from properties.layouts import place
from properties.output_format import documented_format
from properties.rows import STRICT
from properties.special import enclosures
from properties.stock import STOCK
from properties.tensors import Tensor

FOLDER = Path(__file__).parent / "defects"
SHORT = {"input": "x", "weight": "w", "bias": "b", "grad_output": "g"}
ALONG = {"direction_input": "dx", "direction_weight": "dw"}
# What tells that a build is another than the affected ones, by the fact that names them.
ELSEWHERE = {
    "cpu": 'torch.backends.cpu.get_cpu_capability() != "{}"',
    "onednn.enabled": "not torch.backends.mkldnn.is_available()",
    "onednn.bfloat16": "not torch.ops.mkldnn._is_mkldnn_bf16_supported()",
    "onednn.float16": "not torch.ops.mkldnn._is_mkldnn_fp16_supported()",
}
COMPILED = "compile-inductor"
NO_COMPILER = """\
try:
    get_cpp_compiler()
except RuntimeError:
    sys.exit(2)"""
GPU = "NVIDIA"  # of a device's name
WITHOUT_ONEDNN = "torch.backends.mkldnn.enabled = False"
DIRTY = """\
# What is allocated from now on holds 0x7f, so that reads of unwritten memory show every time.
ctypes.CDLL(None).mallopt(-6, 0x80)  # M_PERTURB
"""
COMPARED = """\
print("found   ", found.flatten().tolist())
print("expected", expected.flatten().tolist())
torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
"""
STRIDES = """\
print("found   ", found.stride())
print("expected", expected)
sys.exit(found.stride() != expected)
"""
IN_A_CHILD = """\
child = multiprocessing.get_context("fork").Process(target=call)
child.start()
child.join()
print("exit status of the call:", child.exitcode)
sys.exit(child.exitcode != 0)
"""
REFUSED = """\
there = False
for name, call in calls.items():
    try:
        print(f"{name}: answered with shape {tuple(call().shape)}")
        there = True
    except (RuntimeError, ValueError, TypeError, MemoryError) as error:
        print(f"{name}: refused, {error}")
    except Exception as error:
        print(f"{name}: {type(error).__name__}, {error}")
        there = True
sys.exit(there)
"""


def path_of(defect: KnownDefect) -> Path:
    """Return where the script of a defect lies."""
    return FOLDER / f"{defect.id.replace('-', '_')}.py"


def script(defect: KnownDefect) -> str:
    """Return the script of a defect, formatted."""
    case = Case.from_json(defect.case)
    body = "\n".join([*_build(defect, case), *_call(defect, case)])
    modules = [name for name in ("ctypes", "math", "multiprocessing", "sys") if f"{name}." in body]
    lines = [*(f"import {name}" for name in modules), "", "import torch"]
    if "get_cpp_compiler" in body:
        lines.append("from torch._inductor.cpp_builder import get_cpp_compiler")
    if "conv2d" in body:
        lines.append("from torch.nn.functional import conv2d")
    return _formatted("\n".join([_docstring(defect), "", *lines, "", body]))


def _docstring(defect: KnownDefect) -> str:
    affected = (f"{name} {value.rstrip('.')}" for name, value in defect.affected.items())
    notes = f"Seen with {', '.join(affected)}."
    if defect.upstream:
        notes += f" Reported: {defect.upstream}"
    status = "Exit status: 1 while the defect is there, 0 when it is gone, 2 where it cannot show."
    texts = (f"Torch's defect {defect.id}.", f"Symptom: {defect.summary}.", notes, status)
    wrapped = (textwrap.fill(text, 100) for text in texts)
    return '"""{}\n"""'.format("\n\n".join(wrapped))


def _build(defect: KnownDefect, case: Case) -> Iterator[str]:
    """Yield what chooses the device and the kernels, and leaves where they are not."""
    # What torch does where it cannot ask oneDNN for a dtype, it does where oneDNN is off.
    off = "False" in defect.affected.values()
    tests = [
        test.format(defect.affected[name])
        for name, test in ELSEWHERE.items()
        if defect.affected.get(name, "False") != "False"
    ]
    on_gpu = defect.affected.get("device_name") == GPU
    if on_gpu:
        tests.append("not torch.cuda.is_available()")
    if tests:
        yield f"if {' or '.join(tests)}:\n    sys.exit(2)"
    if case.mode == COMPILED:
        yield NO_COMPILER
    if on_gpu:
        yield 'torch.set_default_device("cuda")'
    if off or case.mode == "onednn-off":
        yield WITHOUT_ONEDNN
    if "nondeterminism" in defect.shows_as and defect.kind != "crash":
        yield DIRTY


def _operands(case: Case, names: Sequence[str]) -> Iterator[str]:
    for name in names:
        if name in case.tensors:
            leaf = name in case.gradients and "grad_output" in names
            written = _tensor(case.tensors[name], case.arrays[name], case.dtype)
            yield f"{(SHORT | ALONG)[name]} = {written}{'.requires_grad_()' if leaf else ''}"


def _tensor(tensor: Tensor, values: Exact, dtype: str) -> str:
    """Return an expression for a tensor with these values and strides."""
    shape = ", ".join(map(str, tensor.shape))
    if tensor.layout == "contiguous":
        return _values(values, dtype)
    if tensor.layout == "negated":
        return f"torch._neg_view({_values(-values, dtype)})"
    if tensor.layout == "conjugated":
        return f"{_values(values.conj(), dtype)}.conj()"
    if tensor.layout == "channels_last" and len(tensor.shape) == 4:
        # Not `.contiguous(memory_format=...)`, which keeps strides where extents are one.
        empty = f"torch.empty({shape}{_of(dtype)}, memory_format=torch.channels_last)"
    else:
        empty = f"torch.empty_strided(({shape}), {tensor.strides}{_of(dtype)})"
    if np.unique(values).size == 1 and not np.isnan(values).any():
        return f"{empty}.fill_({values.flat[0]:g})"
    return f"{empty}.copy_(torch.tensor({_listed(values)}))"


def _values(values: Exact, dtype: str) -> str:
    shape = ", ".join(map(str, values.shape))
    if (values == 1).all():
        return f"torch.ones({shape}{_of(dtype)})"
    if np.unique(values).size == 1 and not np.isnan(values).any():
        return f"torch.full({values.shape}, {_listed(values.flat[0])}{_of(dtype)})"
    return f"torch.tensor({_listed(values)}{_of(dtype)})"


def _of(dtype: str) -> str:
    """Return the argument that makes a tensor of this dtype, in Python floats."""
    return "" if dtype == "float32" else f", dtype=torch.{dtype}"


def _listed(values: Any) -> str:
    return str(values.tolist()).replace("nan", "math.nan").replace("inf", "math.inf")


def _arguments(arguments: dict[str, Any]) -> str:
    plain = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
    plain["padding_mode"] = "zeros"
    given = {name: value for name, value in arguments.items() if plain.get(name) != value}
    written = {name: tuple(v) if isinstance(v, list) else v for name, v in given.items()}
    return "".join(f", {name}={value!r}" for name, value in written.items())


def _call(defect: KnownDefect, case: Case) -> list[str]:
    """Return the operands, the call and what is required of it."""
    if defect.edits:
        return [*_invalid(defect, case), REFUSED]
    if case.derivative == "per-sample":
        made = [*_operands(case, ("input", "weight")), *_per_sample(case)]
    elif case.derivative == "second":
        made = [*_operands(case, (*SHORT, *ALONG)), *_second(case)]
    else:
        made = [*_operands(case, tuple(SHORT)), *_made(case)]
    if defect.kind == "crash":
        # Of four threads that the parent has, torch now and then makes no pool in a fork of it.
        threads = ["torch.set_num_threads(4)"] if case.mode == "threads" else []
        call = textwrap.indent("\n".join([*threads, *made]), "    ")
        return ["def call():", call, "\n", IN_A_CHILD]
    if defect.kind == "format":
        strides = place(case.output_shape, documented_format(case)).strides
        return [*made, f"expected = {strides}", "", STRIDES]
    return [*made, _expected(case), "", COMPARED]


def _per_sample(case: Case) -> Iterator[str]:
    arguments = _arguments(case.arguments)
    yield f"\n\ndef loss(w, image):\n    return conv2d(image[None], w{arguments}).sum()\n\n"
    yield "found = torch.vmap(torch.func.grad(loss), (None, 0))(w, x)"


def _second(case: Case) -> Iterator[str]:
    yield f"y = conv2d(x, w{_arguments(case.arguments)})"
    yield "of_x, of_w = torch.autograd.grad(y, (x, w), g, create_graph=True)"
    yield "(found,) = torch.autograd.grad((dx * of_x).sum() + (dw * of_w).sum(), x)"


def _made(case: Case) -> Iterator[str]:
    bias = ", b" if case.bias is not None else ""
    compiled = {"compile": 'torch.compile(conv2d, backend="aot_eager")'}
    function = {COMPILED: "torch.compile(conv2d)", **compiled}.get(case.mode, "conv2d")
    arguments = _arguments(case.arguments)
    call = {
        "vmap-input": f"torch.vmap(lambda image: conv2d(image, w{arguments}))(x)",
        "vmap-weight": "torch.vmap(lambda w: conv2d(x, w))(w[:, None])[:, :, 0].movedim(0, -3)",
        "vmap-all": "torch.vmap(conv2d)(x, w.expand(len(x), *w.shape))",
    }.get(case.mode, f"{function}(x, w{bias}{arguments})")
    yield f"found = {call}"
    for name in case.gradients:
        yield f"(found,) = torch.autograd.grad(found, {SHORT[name]}, g)"


def _expected(case: Case) -> str:
    """Return the definition's result, of the one gradient if one is asked for."""
    name = case.gradients[0] if case.gradients else "output"
    name = {"per-sample": "sample_", "second": "second_"}.get(case.derivative, "") + name
    exact = next(iter(enclosures(case, name, STRICT[case.dtype]).values())).mid
    return f"expected = {_values(DTYPES[case.dtype].rounded(exact), case.dtype)}"


def _invalid(defect: KnownDefect, case: Case) -> Iterator[str]:
    """Yield the invalid calls: for each name the first edit that has it."""
    form = "module" if "padding_mode" in defect.region else "function"
    edits: dict[str, Edit] = {}
    for check in defect.checks(case, form, "cpu"):
        edit = Edit.from_json(check["calls"][0][0])
        edits.setdefault(edit.name, edit)
    yield from _operands(case, ("input",) if form == "module" else ("input", "weight", "bias"))
    yield "\n# All of these are to be refused."
    yield "calls = {"
    for name, edit in edits.items():
        yield f'"{name}": lambda: {_edited(case, edit, form)},'
    yield "}"


def _edited(case: Case, edit: Edit, form: str) -> str:
    operands = {name: SHORT[name] for name in case.tensors}
    if edit.kind == "shape":
        operands[edit.target] = f"torch.ones({str(edit.to)[1:-1]}, dtype=torch.{case.dtype})"
    elif edit.kind != "value":
        to = f"torch.{edit.to}" if edit.kind == "dtype" else repr(edit.to)
        operands[edit.target] = f"{operands[edit.target]}.to({to})"
    changed = Invalid(case, (edit,)).arguments
    arguments = _arguments({name: changed[name] for name in case.arguments})
    if form == "module":
        layer = ", ".join(map(repr, (changed[n] for n in ("in_channels", "out_channels"))))
        return f"torch.nn.Conv2d({layer}, {case.weight.shape[2:]}{arguments})({operands['input']})"
    return f"conv2d({', '.join(operands.values())}{arguments})"


def _formatted(text: str) -> str:
    command = [sys.executable, "-m", "ruff", "format", "--line-length", "100", "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    for old in FOLDER.glob("*.py"):
        old.unlink()
    for each in STOCK:
        path_of(each).write_text(script(each))
