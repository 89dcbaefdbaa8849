#!/usr/bin/env python3
"""Makes LoRA adapters of many families in PEFT's form, and the GGUFs that llama.cpp's convert_lora_to_gguf.py makes of them.

Writes GGUFAdapters/ beside this script:

    <class>/    adapter_config.json, adapter_model.safetensors    for Families/<class>-plain
                adapter.gguf                                      what the converter makes of it
    plain-f32.gguf, plain-f16.gguf, plain-bf16.gguf, plain-q8_0.gguf    of adapters/plain, for TinyLlama
    carded/     the same adapter with a model card, and its adapter.gguf

A family whose adapter the converter refuses, or writes in a shape that llama.cpp does not open, has no fixture; the script
prints which, and why. GPT-2 is left out: the converter turns its factors around as it does the weights, though PEFT does not
store them turned.

    make_gguf_adapters.py LLAMA_CPP    a checkout of llama.cpp (written with that of llama-cpp-python 0.3.36)
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

HERE = Path(__file__).resolve().parent
OUT = HERE / "GGUFAdapters"
SEED, RANK, ALPHA = 21, 2, 3

CLASSES = [
    "CohereForCausalLM", "Ernie4_5ForCausalLM", "Exaone4ForCausalLM", "GPTNeoXForCausalLM",
    "Gemma2ForCausalLM", "GemmaForCausalLM", "Glm4ForCausalLM", "GraniteForCausalLM",
    "InternLM2ForCausalLM", "LlamaForCausalLM", "MistralForCausalLM", "MixtralForCausalLM",
    "Olmo2ForCausalLM", "OlmoeForCausalLM", "Phi3ForCausalLM", "PhiForCausalLM", "Qwen2ForCausalLM",
    "Qwen2MoeForCausalLM", "Qwen3ForCausalLM", "Qwen3MoeForCausalLM", "SeedOssForCausalLM", "SmolLM3ForCausalLM",
    "StableLmForCausalLM", "Starcoder2ForCausalLM", "BloomForCausalLM",
]  # fmt: skip

CARD = """---
base_model: stories/TinyLlama
library_name: peft
license: apache-2.0
pipeline_tag: text-generation
language: en
tags:
- base_model:adapter:stories/TinyLlama
- lora
- transformers
---

# A card
"""


def write_adapter(folder: Path, base: Path):
    """Factors for every matrix of the last layer, and for the embedding and the head."""
    generator = torch.Generator().manual_seed(SEED)
    weights = load_file(base / "model.safetensors")
    matrices = {name for name, weight in weights.items() if weight.ndim == 2 and name.endswith(".weight")}
    layers = {int(part) for name in matrices for part in name.split(".") if part.isdecimal() and ".experts." not in name}
    tensors, targets = {}, set()
    for name in sorted(matrices):
        module = name.removesuffix(".weight")
        numbers = [int(part) for part in module.split(".") if part.isdecimal()]
        if numbers and numbers[0] != max(layers) or "norm" in module:
            continue
        rows, columns = weights[name].shape
        is_embedding = not numbers and module.split(".")[-1] in ("embed_tokens", "wte", "embed_in", "word_embeddings", "tok_embeddings")
        a = torch.randn(RANK, rows if is_embedding else columns, generator=generator)
        b = 0.1 * torch.randn(columns if is_embedding else rows, RANK, generator=generator)
        ending = ("lora_embedding_A", "lora_embedding_B") if is_embedding else ("lora_A.weight", "lora_B.weight")
        tensors[f"base_model.model.{module}.{ending[0]}"] = a
        tensors[f"base_model.model.{module}.{ending[1]}"] = b
        targets.add(module.split(".")[-1])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    (folder / "adapter_model.safetensors").chmod(0o644)
    config = {
        "base_model_name_or_path": base.name, "bias": "none", "lora_alpha": ALPHA, "peft_type": "LORA", "r": RANK,
        "target_modules": sorted(targets), "task_type": "CAUSAL_LM",
    }  # fmt: skip
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n")


def convert(llama_cpp: Path, adapter: Path, base: Path, output: Path, kind: str = "f32") -> str | None:
    """Nil where it went well, otherwise the converter's last words."""
    run = subprocess.run(
        [sys.executable, llama_cpp / "convert_lora_to_gguf.py", "--base", base, "--outfile", output, "--outtype", kind, adapter],
        capture_output=True, text=True, env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    return None if run.returncode == 0 else (run.stderr.strip().splitlines() or ["no word"])[-1]


def misshapen(llama_cpp: Path, adapter: Path) -> str | None:
    """A pair whose factors llama.cpp would not multiply."""
    sys.path.insert(0, str(llama_cpp / "gguf-py"))
    import gguf

    shapes = {tensor.name: [int(n) for n in tensor.shape] for tensor in gguf.GGUFReader(adapter).tensors}
    for name, a in shapes.items():
        if name.endswith(".lora_a") and "token_embd" not in name and a[1] != shapes[name[:-1] + "b"][0]:
            return name
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("llama_cpp", type=Path)
    parser.add_argument("--only", nargs="*", help="classes to make")
    arguments = parser.parse_args()
    OUT.mkdir(exist_ok=True)
    for name in arguments.only or CLASSES:
        base, folder = HERE / "Families" / f"{name}-plain", OUT / name
        write_adapter(folder, base)
        failure = convert(arguments.llama_cpp, folder, base, folder / "adapter.gguf")
        if failure is None and (pair := misshapen(arguments.llama_cpp, folder / "adapter.gguf")):
            failure = f"writes {pair} in a shape that llama.cpp does not open"
        print(f"{name}: {failure or 'made'}", flush=True)
        if failure:
            shutil.rmtree(folder)
    if arguments.only:
        return
    for kind in ["f32", "f16", "bf16", "q8_0"]:
        assert convert(arguments.llama_cpp, HERE / "adapters/plain", HERE / "TinyLlama", OUT / f"plain-{kind}.gguf", kind) is None
    carded = OUT / "carded"
    shutil.rmtree(carded, ignore_errors=True)
    shutil.copytree(HERE / "adapters/plain", carded, ignore=lambda *_: ["expected.json"])
    (carded / "README.md").write_text(CARD)
    assert convert(arguments.llama_cpp, carded, HERE / "TinyLlama", carded / "adapter.gguf") is None


if __name__ == "__main__":
    main()
