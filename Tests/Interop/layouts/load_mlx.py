"""mlx-lm, with MLX on a processor."""

from pathlib import Path

import worker
from worker import Loaded

import mlx.core as mx
import numpy as np
from mlx.utils import tree_map
from mlx_lm.convert import convert
from mlx_lm.utils import load_model

KINDS = {"int4": {"q_bits": 4, "q_group_size": 64}, "int8": {"q_bits": 8, "q_group_size": 64}} | {
    mode: {"q_mode": mode} for mode in ("mxfp4", "mxfp8", "nvfp4")}


def make(kind, source, folder):
    convert(source, folder, quantize=True, **KINDS[kind])


def decoded(module):
    """With scales and biases as F32: each code times its scale, rounded, plus its bias, rounded."""
    parts = [module.weight, module.scales]
    if module.mode == "affine":
        parts = [module.weight, module.scales.astype(mx.float32), module.biases.astype(mx.float32)]
    settings = {"group_size": module.group_size, "bits": module.bits, "mode": module.mode}
    return np.array(mx.dequantize(*parts, **settings, dtype=mx.float32))


def load(folder):
    model, _ = load_model(Path(folder), strict=True)
    values = {name + ".weight": decoded(module) for name, module in model.named_modules() if hasattr(module, "mode")}
    # Arithmetic in F32, scales included.
    model.update(tree_map(
        lambda array: array.astype(mx.float32) if mx.issubdtype(array.dtype, mx.floating) else array, model.parameters()))
    return Loaded(values, lambda tokens: np.array(model(mx.array([tokens]))[0].astype(mx.float32)))


if __name__ == "__main__":
    worker.run(load, make)
