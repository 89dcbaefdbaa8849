#!/usr/bin/env python3
"""Makes Tests/InferenceTests/Golden/gradients.json: what PyTorch computes in float64, for the fixture of every family, of the
gradients of all weights.

The loss is the sum over the fixture's tokens of the negative log-likelihood of the token that comes next (the first, after
the last). A gradient is told by its product with a tensor of signs: that of element i is the top bit of 2654435761 i modulo
2^32. Weights have the names, shapes and order of rows that a checkpoint stores.
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors.torch import load_file

import builders
import models

ROOT = Path(__file__).resolve().parents[3]


def signs(count):
    return 1 - 2 * ((np.arange(count, dtype=np.uint64) * np.uint64(2654435761)) >> np.uint64(31) & np.uint64(1)).astype(np.int64)


def gradients(family, variant, folder, seed):
    scale = variant.scale or builders.TINY
    stored = builders.replaced(variant, dtype="bfloat16")
    model = models.again(family, folder, stored, scale, seed).double()
    # Products of all experts at once are not for float64.
    model.config.get_text_config()._experts_implementation = "eager"
    tokens = load_file(folder / "expected.safetensors")["tokens"].long()
    if type(model).__name__ == "LlamaModel":
        scores = model(input_ids=tokens[None], use_cache=False).last_hidden_state[0] @ model.embed_tokens.weight.T
    else:
        scores = model(input_ids=tokens[None], use_cache=False).logits[0]
    loss = torch.nn.functional.cross_entropy(scores.double(), tokens.roll(-1), reduction="sum")
    loss.backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.data = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad.clone()
            parameter.grad = None
        with tempfile.TemporaryDirectory() as place:
            # The way in which weights are written is the way of their gradients: rows change places, no more.
            models.write(model, family, builders.replaced(variant, dtype="float64"), None, Path(place) / "model")
            found = load_file(Path(place) / "model" / "model.safetensors")
    products = {name: float((value.double().flatten().numpy() * signs(value.numel())).sum())
                for name, value in sorted(found.items()) if value.ndim > 1}
    return {"loss": float(loss), "products": {name: float(f"{value:.9g}") for name, value in products.items()}}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fixtures", type=Path, default=ROOT / "Tests/Fixtures/Families")
    parser.add_argument("--output", type=Path, default=ROOT / "Tests/InferenceTests/Golden/gradients.json")
    parser.add_argument("--only", nargs="+", default=[], help="names of classes, or parts of them")
    options = parser.parse_args()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    found = {}
    for family in builders.families():
        for variant in family.variants:
            name = f"{family.name}-{variant.name}"
            if not variant.fixture or (options.only and not any(word in name for word in options.only)):
                continue
            try:
                found[name] = gradients(family, variant, options.fixtures / name, SEED)
                print(name, f"{found[name]['loss']:.4f}", flush=True)
            except Exception as error:  # Told, and left to whoever runs this.
                print(name, "FAILS:", type(error).__name__, str(error)[:200], flush=True)
    options.output.write_text(json.dumps(found, indent=0, sort_keys=True) + "\n")


SEED = 7

if __name__ == "__main__":
    main()
