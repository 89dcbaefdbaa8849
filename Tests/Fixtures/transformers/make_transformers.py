#!/usr/bin/env python3
"""Asks transformers what it computes from folders whose files contradict each other, and for every kind of RoPE: writes
cases.json (each case's configuration and what is stored), weights.safetensors (what cases take their tensors from) and
expected.safetensors (logits, and for RoPE the frequencies and the factor of attention).

    pip install torch transformers==5.24 safetensors
    python make_transformers.py
"""
import json
import os
import tempfile

import torch
import transformers
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

HERE = os.path.dirname(os.path.abspath(__file__))
transformers.logging.set_verbosity_error()

HIDDEN, INNER, HEADS, KEY_HEADS, DIMENSION, VOCABULARY, LAYERS = 16, 24, 2, 1, 32, 12, 1
CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": HIDDEN, "intermediate_size": INNER,
    "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "num_key_value_heads": KEY_HEADS, "head_dim": DIMENSION,
    "vocab_size": VOCABULARY, "max_position_embeddings": 2048, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
    "bos_token_id": 1, "eos_token_id": 2,
}
MISTRAL = {"architectures": ["MistralForCausalLM"], "model_type": "mistral", "sliding_window": None}
TOKENS = [(7 * index * index + 3 * index + 1) % VOCABULARY for index in range(24)]
SHOWN = 3  # positions at the end whose logits are kept


def weights():
    torch.manual_seed(20)
    tensors = {}

    def add(name, *shape, around=0.0, spread=1.0):
        tensors[name] = (around + spread * (2 * torch.rand(*shape) - 1)).contiguous()

    add("model.embed_tokens.weight", VOCABULARY, HIDDEN)
    add("lm_head.weight", VOCABULARY, HIDDEN, spread=0.5)
    add("lm_head.bias", VOCABULARY, spread=0.5)
    add("model.norm.weight", HIDDEN, around=1, spread=0.3)
    add("model.norm.bias", HIDDEN, spread=0.3)
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}."
        for name in ("input_layernorm", "post_attention_layernorm"):
            add(prefix + name + ".weight", HIDDEN, around=1, spread=0.3)
            add(prefix + name + ".bias", HIDDEN, spread=0.3)
        for name, rows, columns in (
                ("self_attn.q_proj", HEADS * DIMENSION, HIDDEN), ("self_attn.k_proj", KEY_HEADS * DIMENSION, HIDDEN),
                ("self_attn.v_proj", KEY_HEADS * DIMENSION, HIDDEN), ("self_attn.o_proj", HIDDEN, HEADS * DIMENSION),
                ("mlp.gate_proj", INNER, HIDDEN), ("mlp.up_proj", INNER, HIDDEN), ("mlp.down_proj", HIDDEN, INNER)):
            add(prefix + name + ".weight", rows, columns, spread=0.6)
            add(prefix + name + ".bias", rows, spread=0.5)
    return tensors


WEIGHTS = weights()
EMBEDDING, HEAD = "model.embed_tokens.weight", "lm_head.weight"
PLAIN = [name for name in WEIGHTS if name.endswith(".weight")]
BODY = [name for name in PLAIN if name != HEAD]
ATTENTION = [name for name in WEIGHTS if name.endswith("_proj.bias") and "self_attn" in name]
FEED_FORWARD = [name for name in WEIGHTS if name.endswith("_proj.bias") and "mlp" in name]


def stored(names, **renamed):
    """Stored name -> the tensor of weights.safetensors it is."""
    return {name: name for name in names} | renamed


def rope(kind, spelling="rope_scaling", **keys):
    return {spelling: {"rope_type": kind, **keys}}


def longrope(original=None, **keys):
    """Twice as long as the text for which it was trained."""
    keys = {"long_factor": LONG, "short_factor": SHORT, **keys}
    if original:
        keys["original_max_position_embeddings"] = original
    return {"max_position_embeddings": 48, **rope("longrope", **keys)}


LONG = [1.5 + index * 0.75 for index in range(DIMENSION // 2)]
SHORT = [1.0 + index * 0.125 for index in range(DIMENSION // 2)]
YARN = {"factor": 4.0, "original_max_position_embeddings": 512}

# Name: configuration, stored tensors (those of PLAIN where there are none).
CASES = {
    "head-own": ({}, None),
    "head-flag-absent-equal": ({}, stored(BODY, **{HEAD: EMBEDDING})),
    "head-tied": ({"tie_word_embeddings": True}, stored(BODY)),
    "head-tied-equal": ({"tie_word_embeddings": True}, stored(BODY, **{HEAD: EMBEDDING})),
    "head-tied-different": ({"tie_word_embeddings": True}, stored(PLAIN)),
    "head-tied-without-embedding": (
        {"tie_word_embeddings": True}, stored([name for name in PLAIN if name != EMBEDDING])),
    "head-tied-mistral-different": ({**MISTRAL, "tie_word_embeddings": True}, stored(PLAIN)),
    "head-bias": ({}, stored(PLAIN + ["lm_head.bias"])),
    "biases-not-asked-for": ({}, stored(PLAIN + ATTENTION + FEED_FORWARD)),
    "biases-of-attention": ({"attention_bias": True}, stored(PLAIN + ATTENTION + FEED_FORWARD)),
    "biases-of-feed-forward": ({"mlp_bias": True}, stored(PLAIN + ATTENTION + FEED_FORWARD)),
    "biases-all": ({"attention_bias": True, "mlp_bias": True}, stored(PLAIN + ATTENTION + FEED_FORWARD)),
    "biases-but-of-o": (
        {"attention_bias": True}, stored(PLAIN + [name for name in ATTENTION if "o_proj" not in name])),
    "biases-asked-for-and-absent": ({"attention_bias": True, "mlp_bias": True}, None),
    "biases-of-norms": ({}, stored([name for name in WEIGHTS if "norm" in name or name in PLAIN])),
    "biases-of-mistral": (
        {**MISTRAL, "attention_bias": True, "mlp_bias": True}, stored(PLAIN + ATTENTION + FEED_FORWARD)),

    "names-without-model": ({}, {name.removeprefix("model."): name for name in PLAIN}),
    "names-of-bare-class": (
        {"architectures": ["LlamaModel"], "tie_word_embeddings": True},
        {name.removeprefix("model."): name for name in BODY}),
    "class-old": ({"architectures": ["LLaMAForCausalLM"]}, None),
    "class-null": ({"architectures": None}, None),
    "class-of-other-type": ({"architectures": ["LlamaForCausalLM"], "model_type": "mistral", "sliding_window": 5}, None),

    "rope-default": ({}, None),
    "rope-linear": (rope("linear", factor=2.5), None),
    "rope-linear-new": (rope("linear", "rope_parameters", factor=2.5, rope_theta=500.0), None),
    "rope-both-spellings": (
        {**rope("linear", factor=2.5), **rope("linear", "rope_parameters", factor=8.0, rope_theta=500.0)}, None),
    "rope-old-empty": ({"rope_scaling": {}, **rope("linear", "rope_parameters", factor=8.0, rope_theta=500.0)}, None),
    "rope-two-thetas": ({"rope_theta": 77.0, **rope("default", "rope_parameters", rope_theta=500.0)}, None),
    "rope-type-key": ({"rope_scaling": {"type": "linear", "factor": 3.0}}, None),
    "rope-two-types": ({"rope_scaling": {"type": "linear", "rope_type": "default", "factor": 3.0}}, None),
    "rope-llama3": (rope("llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                         original_max_position_embeddings=256), None),
    "rope-llama3-original-above": (
        {"original_max_position_embeddings": 64, **rope(
            "llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=256)},
        None),
    "rope-dynamic-short": (rope("dynamic", factor=4.0), None),
    "rope-dynamic-long": ({**rope("dynamic", factor=4.0), "max_position_embeddings": 16}, None),
    "rope-dynamic-original": (
        {**rope("dynamic", factor=4.0, original_max_position_embeddings=8), "max_position_embeddings": 16}, None),
    "rope-yarn": (rope("yarn", **YARN), None),
    "rope-yarn-new": (rope("yarn", "rope_parameters", rope_theta=500.0, **YARN), None),
    "rope-yarn-no-original": (rope("yarn", factor=4.0), None),
    "rope-yarn-no-factor": (rope("yarn", factor=None, original_max_position_embeddings=512), None),
    "rope-yarn-original-above": ({"original_max_position_embeddings": 64, **rope("yarn", **YARN)}, None),
    "rope-yarn-attention": (rope("yarn", attention_factor=1.25, **YARN), None),
    "rope-yarn-betas": (rope("yarn", beta_fast=4, beta_slow=2, **YARN), None),
    "rope-yarn-betas-0": (rope("yarn", beta_fast=0, beta_slow=0, **YARN), None),
    "rope-yarn-not-truncated": (rope("yarn", truncate=False, beta_fast=8, **YARN), None),
    "rope-yarn-truncated-null": (rope("yarn", truncate=None, beta_fast=8, **YARN), None),
    "rope-yarn-mscale": (rope("yarn", mscale=1.3, mscale_all_dim=0.7, **YARN), None),
    "rope-yarn-mscale-alone": (rope("yarn", mscale=1.3, **YARN), None),
    "rope-yarn-mscale-0": (rope("yarn", mscale=1.3, mscale_all_dim=0, **YARN), None),
    "rope-yarn-factor-below-1": (rope("yarn", factor=0.5, original_max_position_embeddings=512), None),
    "rope-longrope-short": (longrope(24), None),
    "rope-longrope-long": (longrope(23), None),
    "rope-longrope-factor": (longrope(16, factor=3.0), None),
    "rope-longrope-factor-1": (longrope(16, factor=1.0), None),
    "rope-longrope-attention": (longrope(16, attention_factor=0.75), None),
    "rope-longrope-original-above": ({**longrope(24), "original_max_position_embeddings": 8}, None),
    "rope-longrope-no-original": (longrope(), None),
    "rope-mistral-yarn": ({**MISTRAL, **rope("yarn", **YARN)}, None),
    "rope-key-of-another-kind": (rope("linear", factor=2.5, low_freq_factor=1.0), None),
}


def run(config, tensors):
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "config.json"), "w") as file:
            json.dump(config, file)
        save_file(tensors, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
        with torch.no_grad():
            logits = model(torch.tensor([TOKENS])).logits[0, -SHOWN:].clone()
        rotary = model.model.rotary_emb
        return logits, rotary.inv_freq.clone().float(), torch.tensor([float(rotary.attention_scaling)])


def main():
    cases, expected = [], {}
    for name, (changes, names) in CASES.items():
        named = stored(PLAIN) if names is None else names
        tensors = {key: WEIGHTS[value].clone() for key, value in named.items()}
        logits, frequencies, scaling = run({**CONFIG, **changes}, tensors)
        cases.append({"name": name, "config": changes, "stored": names})
        expected[name + ".logits"] = logits
        if name.startswith("rope"):
            expected[name + ".frequencies"], expected[name + ".attention"] = frequencies, scaling
        print(name, [round(value, 4) for value in logits[-1, :3].tolist()], round(float(scaling), 5))
    save_file(WEIGHTS, os.path.join(HERE, "weights.safetensors"))
    save_file({key: value.contiguous() for key, value in expected.items()}, os.path.join(HERE, "expected.safetensors"))
    with open(os.path.join(HERE, "cases.json"), "w") as file:
        json.dump({"transformers": transformers.__version__, "tokens": TOKENS, "config": CONFIG, "plain": PLAIN,
                   "cases": cases}, file, indent=1)
        file.write("\n")


main()
