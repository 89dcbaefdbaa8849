#!/usr/bin/env python3
"""Writes a Llama with the same function and other weights: channels get random scales, which norms, value heads and the inner
neurons take back.

The only public file of SmolLM2-135M that is at hand lies on a grid of four bits, so that a four-bit type loses nothing of it. Scales
of about e^-0.29 to e^0.29 break the grid.
"""

import argparse
import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file


def rescaled(weights, config, seed, spread):
    generator = torch.Generator().manual_seed(seed)
    heads, groups = config["num_attention_heads"], config["num_key_value_heads"]
    width = config.get("head_dim") or config["hidden_size"] // heads

    def scales(count):
        return torch.exp((torch.rand(count, generator=generator) * 2 - 1) * spread)

    found = dict(weights)
    for layer in range(config["num_hidden_layers"]):
        name = f"model.layers.{layer}."
        for norm, readers in (("input_layernorm", ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")),
                              ("post_attention_layernorm", ("mlp.gate_proj", "mlp.up_proj"))):
            factor = scales(config["hidden_size"])
            found[f"{name}{norm}.weight"] = found[f"{name}{norm}.weight"] * factor
            for reader in readers:
                found[f"{name}{reader}.weight"] = found[f"{name}{reader}.weight"] / factor
        factor = scales(config["intermediate_size"])
        found[f"{name}mlp.up_proj.weight"] = found[f"{name}mlp.up_proj.weight"] * factor[:, None]
        found[f"{name}mlp.down_proj.weight"] = found[f"{name}mlp.down_proj.weight"] / factor
        factor = scales(groups * width)
        found[f"{name}self_attn.v_proj.weight"] = found[f"{name}self_attn.v_proj.weight"] * factor[:, None]
        shared = factor.view(groups, 1, width).expand(groups, heads // groups, width).reshape(-1)
        found[f"{name}self_attn.o_proj.weight"] = found[f"{name}self_attn.o_proj.weight"] / shared
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--spread", type=float, default=0.29)
    options = parser.parse_args()
    config = json.loads((options.model / "config.json").read_text())
    shutil.copytree(options.model, options.output)
    weights = {name: value.float() for name, value in load_file(options.model / "model.safetensors").items()}
    found = rescaled(weights, config, options.seed, options.spread)
    save_file({name: value.bfloat16().contiguous() for name, value in found.items()},
              options.output / "model.safetensors", metadata={"format": "pt"})


if __name__ == "__main__":
    main()
