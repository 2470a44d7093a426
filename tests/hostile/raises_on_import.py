"""An implementation that cannot be imported."""

raise ImportError("libkernel.so: cannot open shared object file")
