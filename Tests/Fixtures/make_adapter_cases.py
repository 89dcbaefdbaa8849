#!/usr/bin/env python3
"""Makes tiny models and adapters with PEFT, and what PEFT computes with the adapters unmerged.

Writes AdapterCases/ beside this script:

    base-tied, base-untied, base-biased   models of a few thousand weights, in F32
    <case>/                               an adapter as PEFT saves it
    <case>/second/                        another one that is merged after it, in cases of two
    logits.json                           of each case the base, and the logits of TOKENS

Names of cases as arguments make these alone, and leave the others as they are: last bits and the order of
target_modules are not the same in each run.

Every adapter is saved, and read again onto the base that is on disk, before it computes: the files alone
lead to these values. Tied models are the point of most: what merging leaves of them has to compute the same.
"""

import json
import os
import shutil
import sys
import warnings
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

TOKENS = [1, 5, 3, 10, 7, 2]
ROWS, GROWN = 12, 15
OUT = Path(__file__).resolve().parent / "AdapterCases"

warnings.filterwarnings("ignore")


def base(name: str, **settings):
    torch.manual_seed(len(name))
    config = LlamaConfig(
        hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1,
        vocab_size=ROWS, max_position_embeddings=32, bos_token_id=1, eos_token_id=2, dtype="float32", **settings,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    for parameter in model.parameters():
        parameter.data = 0.3 * torch.randn(parameter.shape) + (1 if parameter.dim() == 1 else 0)
    model.tie_weights()
    model.save_pretrained(name)
    (Path(name) / "generation_config.json").unlink()
    (Path(name) / "model.safetensors").chmod(0o644)


def load(name: str, rows: int = ROWS):
    model = LlamaForCausalLM.from_pretrained(name, dtype=torch.float32)
    if rows != ROWS:
        torch.manual_seed(99)
        model.resize_token_embeddings(rows, mean_resizing=False)
    return model.eval()


def lora(**settings):
    return LoraConfig(task_type="CAUSAL_LM", **{"r": 2, "lora_alpha": 3, **settings})


Q = ["q_proj"]
CASES = {
    # What is trained, on what, and with how many rows of vocabulary.
    "tied-head-lora": ("base-tied", [lora(target_modules=["q_proj", "lm_head"])], ROWS),
    "tied-embedding-lora": ("base-tied", [lora(target_modules=["q_proj", "embed_tokens"])], ROWS),
    "tied-both-lora": ("base-tied", [lora(target_modules=["lm_head", "embed_tokens"])], ROWS),
    "tied-head-saved": ("base-tied", [lora(target_modules=Q, modules_to_save=["lm_head"])], ROWS),
    "tied-embedding-saved": ("base-tied", [lora(target_modules=Q, modules_to_save=["embed_tokens"])], ROWS),
    "tied-ensured-lora": (
        "base-tied", [lora(target_modules=["embed_tokens", "lm_head"], ensure_weight_tying=True)], ROWS),
    "tied-ensured-saved": (
        "base-tied", [lora(target_modules=Q, modules_to_save=["embed_tokens"], ensure_weight_tying=True)], ROWS),
    # The head's own tensors say how it differs: by its beginning, its magnitudes, its scale.
    "tied-ensured-orthogonal": (
        "base-tied",
        [lora(target_modules=["embed_tokens"], ensure_weight_tying=True, init_lora_weights="orthogonal")], ROWS),
    "tied-ensured-dora": (
        "base-tied", [lora(target_modules=["embed_tokens"], ensure_weight_tying=True, use_dora=True)], ROWS),
    "tied-ensured-alpha-head": (
        "base-tied",
        [lora(target_modules=["embed_tokens"], ensure_weight_tying=True, alpha_pattern={"lm_head": 7})], ROWS),
    "tied-ensured-alpha-embedding": (
        "base-tied",
        [lora(target_modules=["embed_tokens"], ensure_weight_tying=True, alpha_pattern={"embed_tokens": 7})], ROWS),
    "tied-ensured-rank": (
        "base-tied",
        [lora(target_modules=["embed_tokens"], ensure_weight_tying=True, rank_pattern={"embed_tokens": 3})], ROWS),
    "tied-ensured-olora": (
        "base-tied",
        [lora(target_modules=["embed_tokens"], ensure_weight_tying=True, init_lora_weights="olora")], ROWS),
    "tied-tokens": ("base-tied", [lora(target_modules=Q, trainable_token_indices=[7, 3, 10])], ROWS),
    "tied-tokens-apart": (
        "base-tied",
        [lora(target_modules=Q, trainable_token_indices={"embed_tokens": [7, 3], "lm_head": [2, 5, 9]})], ROWS),
    "tied-tokens-head": ("base-tied", [lora(target_modules=Q, trainable_token_indices={"lm_head": [3, 1]})], ROWS),
    # Rows of the embedding lie under the factors of a head that follows it.
    "tied-tokens-head-lora": (
        "base-tied", [lora(target_modules=["q_proj", "lm_head"], trainable_token_indices=[7, 3])], ROWS),
    "untied-tokens-head-lora": (
        "base-untied", [lora(target_modules=["q_proj", "lm_head"], trainable_token_indices=[7, 3])], ROWS),
    "untied-tokens": ("base-untied", [lora(target_modules=Q, trainable_token_indices=[7, 3, 10])], ROWS),
    "untied-tokens-apart": (
        "base-untied",
        [lora(target_modules=Q, trainable_token_indices={"embed_tokens": [7, 3], "lm_head": [2]})], ROWS),
    "tied-grown": ("base-tied", [lora(target_modules=Q)], GROWN),
    "tied-grown-saved": ("base-tied", [lora(target_modules=Q, modules_to_save=["embed_tokens", "lm_head"])], GROWN),
    "tied-grown-tokens": ("base-tied", [lora(target_modules=Q, trainable_token_indices=[12, 13, 14])], GROWN),
    "tied-grown-lora": ("base-tied", [lora(target_modules=["embed_tokens"])], GROWN),
    "untied-grown": ("base-untied", [lora(target_modules=Q)], GROWN),
    "untied-grown-saved": ("base-untied", [lora(target_modules=Q, modules_to_save=["embed_tokens", "lm_head"])], GROWN),
    "untied-grown-lora": ("base-untied", [lora(target_modules=["embed_tokens", "lm_head"])], GROWN),
    "untied-shrunk": ("base-untied", [lora(target_modules=Q)], 11),
    "dora-embedding": ("base-untied", [lora(target_modules=["q_proj", "embed_tokens"], use_dora=True)], ROWS),
    "biases": ("base-biased", [lora(target_modules=["q_proj", "up_proj"], bias="lora_only")], ROWS),
    "factor-biases": ("base-biased", [lora(target_modules=["q_proj", "up_proj"], lora_bias=True)], ROWS),
    "whole-block-saved": ("base-untied", [lora(target_modules=Q, modules_to_save=["mlp", "norm"])], ROWS),
    "velora": ("base-untied", [lora(target_modules=Q, velora_config={"num_groups": 4})], ROWS),
    "mica": ("base-untied", [lora(target_modules=["q_proj", "embed_tokens"], init_lora_weights="mica")], ROWS),
    "pissa": ("base-untied", [lora(target_modules=["q_proj", "v_proj", "down_proj"], init_lora_weights="pissa")], ROWS),
    "olora": ("base-untied", [lora(target_modules=["q_proj", "v_proj", "down_proj"], init_lora_weights="olora")], ROWS),
    # PEFT stores the head's weight with these, which is without what it began with, unless tokens are trained too.
    "olora-head": (
        "base-untied", [lora(target_modules=["q_proj", "lm_head"], init_lora_weights="olora")], ROWS),
    "tied-olora-head": (
        "base-tied", [lora(target_modules=["q_proj", "lm_head"], init_lora_weights="olora")], ROWS),
    "tied-olora-head-saved-embedding": (
        "base-tied",
        [lora(target_modules=["lm_head"], modules_to_save=["embed_tokens"], init_lora_weights="olora")], ROWS),
    "tied-olora-head-tokens": (
        "base-tied",
        [lora(target_modules=["q_proj", "lm_head"], init_lora_weights="olora", trainable_token_indices=[7, 3])], ROWS),
    "two-doras": (
        "base-untied",
        [lora(target_modules=["q_proj", "up_proj"], use_dora=True), lora(target_modules=["q_proj"], use_dora=True)],
        ROWS),
    "plain-then-dora": (
        "base-untied",
        [lora(target_modules=["q_proj", "up_proj"]), lora(target_modules=["q_proj"], use_dora=True)], ROWS),
    "dora-then-plain": (
        "base-untied",
        [lora(target_modules=["q_proj"], use_dora=True), lora(target_modules=["q_proj"])], ROWS),
}  # fmt: skip


@torch.no_grad()
def randomize(model: PeftModel, seed: int):
    generator = torch.Generator().manual_seed(seed)
    seen = set()
    for name, parameter in model.named_parameters():
        if parameter.data_ptr() in seen:
            continue
        seen.add(parameter.data_ptr())
        noise = torch.randn(parameter.shape, generator=generator)
        if "lora_magnitude_vector" in name or "modules_to_save" in name or "trainable_tokens_delta" in name:
            parameter.mul_(1 + 0.3 * noise)
        elif "lora_" in name:
            parameter.add_(0.3 * noise)
        elif parameter.requires_grad:
            parameter.add_(0.2 * noise)


@torch.no_grad()
def logits(model):
    return model(input_ids=torch.tensor([TOKENS])).logits[0].double().tolist()


def main(chosen: list[str]):
    if not chosen:
        shutil.rmtree(OUT, ignore_errors=True)
        OUT.mkdir()
    # The adapters' configurations record the path their base was loaded from.
    os.chdir(OUT)
    results = {}
    if chosen:
        results = json.loads(Path("logits.json").read_text())["cases"]
    else:
        base("base-tied", tie_word_embeddings=True)
        base("base-untied", tie_word_embeddings=False)
        base("base-biased", tie_word_embeddings=False, attention_bias=True, mlp_bias=True)
    for name in chosen or CASES:
        base_name, configs, rows = CASES[name]
        shutil.rmtree(name, ignore_errors=True)
        folders = [Path(name), Path(name, "second")][: len(configs)]
        for number, (config, folder) in enumerate(zip(configs, folders)):
            model = get_peft_model(load(base_name, rows), config)
            randomize(model, len(name) + number)
            model.save_pretrained(folder)
            (folder / "README.md").unlink()
            (folder / "adapter_model.safetensors").chmod(0o644)
        adapted = PeftModel.from_pretrained(load(base_name, rows), str(folders[0]))
        if len(folders) == 1:
            values = logits(adapted.eval())
        else:
            # What several do together is what their merge gives, in the order given.
            adapted.load_adapter(str(folders[1]), adapter_name="second")
            adapted.base_model.merge_adapter(adapter_names=["default", "second"])
            values = logits(adapted.eval())
        results[name] = {"base": base_name, "rows": rows, "logits": values}
    Path("logits.json").write_text(json.dumps({"tokens": TOKENS, "cases": results}, indent=1))


if __name__ == "__main__":
    main(sys.argv[1:])
