#!/usr/bin/env python3
"""Makes adapters for TinyLlama with mlx-lm, and what its fuse makes of them.

Writes MLXAdapters/<name>/ beside this script, where TinyLlama/ must already be:

    adapter_config.json, adapters.safetensors   as mlx_lm.lora saves them
    expected.json                               every tensor that mlx_lm.fuse changes, of a model in F32

lora and dora adapt all layers' q_proj, v_proj and down_proj, embedding adapts the embedding, full holds weights
themselves.
"""

import json
import random
import shutil
import tempfile
from pathlib import Path

import mlx.core as mx
from mlx.utils import tree_flatten, tree_map_with_path, tree_unflatten
from mlx_lm.tuner.utils import linear_to_lora_layers, load_adapters
from mlx_lm.utils import load_model, save_config

HERE = Path(__file__).resolve().parent
BASE, OUT = HERE / "TinyLlama", HERE / "MLXAdapters"
SEED, PROBES = 31, 8
PARAMETERS = {"rank": 4, "dropout": 0.0, "scale": 2.5}
LAYER_KEYS = ["self_attn.q_proj", "self_attn.v_proj", "mlp.down_proj"]

ADAPTERS = {
    "lora": ("lora", PARAMETERS | {"keys": LAYER_KEYS}, 2),
    "dora": ("dora", PARAMETERS | {"keys": LAYER_KEYS}, 2),
    "embedding": ("lora", PARAMETERS | {"keys": ["model.embed_tokens"]}, 1),
    "full": ("full", PARAMETERS, 1),
}


def opened():
    """The model in F32, so that fusing rounds to nothing narrower."""
    model, _ = load_model(BASE)
    model.update(tree_map_with_path(lambda _, value: value.astype(mx.float32), model.parameters()))
    return model


def make(name: str, folder: Path):
    kind, parameters, layers = ADAPTERS[name]
    model = opened()
    model.freeze()
    mx.random.seed(SEED)
    if kind == "full":
        for layer in model.layers[-layers:]:
            layer.self_attn.k_proj.unfreeze()
            layer.self_attn.v_proj.unfreeze()
            layer.input_layernorm.unfreeze()
    else:
        linear_to_lora_layers(model, layers, parameters, use_dora=kind == "dora")

    def changed(path, value):
        noise = mx.random.normal(value.shape)
        return value * (1 + 0.1 * noise) if kind == "full" or path.endswith(".m") else 0.06 * noise

    weights = {path: changed(path, value) for path, value in tree_flatten(model.trainable_parameters())}
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    mx.save_safetensors(str(folder / "adapters.safetensors"), weights)
    save_config(
        {"adapter_path": name, "fine_tune_type": kind, "iters": 1, "lora_parameters": parameters, "model": "TinyLlama", "num_layers": layers, "train": True},
        folder / "adapter_config.json",
    )


def fused(folder: Path) -> dict:
    """What mlx_lm.fuse makes of it."""
    model = load_adapters(opened(), str(folder))
    layers = [(path, module.fuse(dequantize=False)) for path, module in model.named_modules() if hasattr(module, "fuse")]
    if layers:
        model.update_modules(tree_unflatten(layers))
    return dict(tree_flatten(model.parameters()))


def main():
    before = dict(tree_flatten(opened().parameters()))
    for name in ADAPTERS:
        make(name, OUT / name)
        after, entries, rng = fused(OUT / name), [], random.Random(SEED)
        assert before.keys() == after.keys()
        for tensor in sorted(after):
            if mx.array_equal(before[tensor], after[tensor]):
                continue
            values = after[tensor].flatten().tolist()
            indices = sorted([0, len(values) - 1, *rng.sample(range(1, len(values) - 1), PROBES - 2)])
            entries.append({
                "name": tensor, "shape": list(after[tensor].shape), "sum": sum(values),
                "sum_of_squares": sum(value * value for value in values),
                "probes": [{"index": index, "value": values[index]} for index in indices],
            })  # fmt: skip
        (OUT / name / "expected.json").write_text(json.dumps({"tensors": entries}, indent=1) + "\n")
        print(f"{name}: {len(entries)} tensors changed")


if __name__ == "__main__":
    main()
