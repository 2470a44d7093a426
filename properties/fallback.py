"""Which of torch's own convolutions run: none may in an implementation that claims to be its own.

Torch hands every operator that it dispatches in a thread to the modes of that thread: those of
autograd's backward passes, of transforms, of scripted and compiled functions, and of extensions in
C++ are among them. Not seen is what never comes to the dispatcher of this thread: calls from a
thread that the implementation started, libraries (cuDNN, oneDNN) called past torch, kernels that
a compiler made of a convolution, and code that takes the mode away. It finds whoever falls back;
whoever hides it has the same process, and can.

The worker imports this file and the scripts of violations have the rest of it written out: it
needs nothing, and is given the module `torch`.
"""

from __future__ import annotations

from typing import Any

# Torch's own namespaces that have a convolution: an operator of another is somebody's own.
NAMESPACES = (
    *("aten", "mkldnn", "mkldnn_prepacked", "onednn", "prepacked", "quantized", "_quantized"),
    *("xnnpack", "metal_prepack", "vulkan_prepack"),
)


def is_convolution(name: str) -> bool:
    """Tell whether an operator "namespace::name.overload" is one: of any backend, or its gradient.

    Every operator of torch's whose name has "conv" in it, but for "convert". `im2col` is none.
    """
    namespace, _, rest = name.partition("::")
    return namespace in NAMESPACES and "conv" in rest.replace("convert", "")


def convolutions(torch: Any) -> Any:
    """Return a context that collects the names of torch's convolutions that run in it, in a set.

    One of operands without data, which tells a shape, does not count.
    """

    class Noting(torch.utils._python_dispatch.TorchDispatchMode):  # type: ignore[misc]
        supports_higher_order_operators = True

        @classmethod
        def ignore_compile_internals(cls) -> bool:
            return True  # else torch.compile would not compile

        def __enter__(self) -> set[str]:
            super().__enter__()
            self.found: set[str] = set()
            return self.found

        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            operator = isinstance(func, torch._ops.OpOverload)
            if operator and is_convolution(func.name()):
                operands = [a for a in args if isinstance(a, torch.Tensor)]
                if not operands or any(a.device.type != "meta" for a in operands):
                    self.found.add(func.name())
            return func(*args, **(kwargs or {}))

    return Noting()
