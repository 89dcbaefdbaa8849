#!/usr/bin/env python3
"""Asks transformers how every kind of RoPE turns, and what the model of Tests/Fixtures/TinyLlama then says.

    pip install torch==2.13.0 transformers==5.24.0
    python3 make_rope.py

rope.json lists cases: `config` is laid over the model's config.json without its own entries of RoPE. For each length of
text, below and above the original context: `inv_freq` and `attention` (by which cosines and sines are multiplied) as they
stand after one forward pass over so many tokens, and the first eight logits that follow the last token of `tokens`.
A case with `error` is refused by transformers, with that.
"""

import json
import pathlib

import torch
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.utils import logging

FOLDER = pathlib.Path(__file__).parent
MODEL = FOLDER.parent.parent / "Fixtures" / "TinyLlama"
LENGTHS = [24, 100]
SHORT = [round(1 + 0.05 * pair, 2) for pair in range(16)]
LONG = [round(1 + 0.3 * pair, 2) for pair in range(16)]
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}
LONGROPE = {
    "rope_type": "longrope", "short_factor": SHORT, "long_factor": LONG, "original_max_position_embeddings": 32}


def newer(**entries):
    return {"rope_parameters": {"rope_theta": 10000.0, **entries}}


CASES = {
    "default": newer(rope_type="default"),
    "linear": newer(rope_type="linear", factor=2.5),
    "llama3": newer(
        rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32),
    "llama3, context not said": newer(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0),
    "dynamic": newer(rope_type="dynamic", factor=4.0),
    "dynamic, older spelling": {"rope_theta": 5000.0, "rope_scaling": {"type": "dynamic", "factor": 2.0}},
    "yarn": newer(**YARN),
    "yarn, older spelling": {
        "rope_theta": 20000.0, "rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}},
    "yarn, context at the top": {**newer(**YARN), "original_max_position_embeddings": 16},
    "yarn, context not said": newer(rope_type="yarn", factor=4.0),
    "yarn, factor of null": newer(**{**YARN, "factor": None}),
    "yarn below one": newer(**{**YARN, "factor": 0.5}),
    "yarn, attention factor": newer(**YARN, attention_factor=0.8),
    "yarn, both mscales": newer(**YARN, mscale=0.707, mscale_all_dim=1.0),
    "yarn, one mscale": newer(**YARN, mscale=0.707),
    "yarn, mscale of 0": newer(**YARN, mscale=0, mscale_all_dim=1.0),
    "yarn, betas": newer(**YARN, beta_fast=8, beta_slow=2.0),
    "yarn, betas of 0": newer(**YARN, beta_fast=0, beta_slow=None),
    "yarn, not truncated": newer(**YARN, truncate=False),
    "yarn, truncate of null": newer(**YARN, truncate=None),
    "yarn, context beyond every wavelength": newer(
        rope_theta=10.0, rope_type="yarn", factor=4.0, original_max_position_embeddings=100000),
    "longrope": newer(**LONGROPE),
    "longrope, older spelling": {"rope_scaling": {**LONGROPE, "type": "longrope"}},
    "longrope, factor": newer(**LONGROPE, factor=2.0),
    "longrope, attention factor": newer(**LONGROPE, attention_factor=1.3),
    "longrope, context not said": newer(rope_type="longrope", short_factor=SHORT, long_factor=LONG),
    "proportional": newer(rope_type="proportional", factor=2.0, partial_rotary_factor=0.3),
    "proportional, all": newer(rope_type="proportional"),
    "both spellings": {
        **newer(rope_type="linear", factor=2.0), "rope_theta": 300.0,
        "rope_scaling": {"rope_type": "linear", "factor": 4.0}},
    "an empty older spelling": {**newer(rope_type="linear", factor=2.0), "rope_scaling": {}},
    "keys of another kind": newer(rope_type="linear", factor=2.0, beta_fast=3, attention_factor=7.0),
    "unknown kind": newer(rope_type="ntk", factor=2.0),
    "unknown kind of Phi": newer(rope_type="su", short_factor=SHORT, long_factor=LONG),
    "yarn, no factor": newer(rope_type="yarn", original_max_position_embeddings=32),
    "dynamic, no factor": newer(rope_type="dynamic"),
    "longrope, too few factors": newer(**{**LONGROPE, "short_factor": [1.0, 2.0, 3.0]}),
    "linear, a part of each head": newer(rope_type="linear", factor=2.0, partial_rotary_factor=0.5),
}


def answer(base, entries, weights, tokens):
    config = LlamaConfig.from_dict({**base, **entries})
    results = []
    for length in LENGTHS:
        model = LlamaForCausalLM(config)
        model.load_state_dict(weights)
        with torch.no_grad():
            logits = model(torch.tensor([tokens[:length]])).logits[0, -1]
        rope = model.model.rotary_emb
        results.append({
            "length": length, "inv_freq": [float(f"{x:.9g}") for x in rope.inv_freq.tolist()],
            "attention": rope.attention_scaling, "logits": [round(x, 5) for x in logits[:8].tolist()]})
    return results


def main():
    logging.set_verbosity_error()
    torch.set_num_threads(2)
    base = json.loads((MODEL / "config.json").read_text())
    for key in ["rope_parameters", "rope_scaling", "rope_theta"]:
        base.pop(key, None)
    base["max_position_embeddings"] = 64
    weights = LlamaForCausalLM.from_pretrained(MODEL, dtype=torch.float32).state_dict()
    tokens = torch.randint(3, 1000, (max(LENGTHS),), generator=torch.Generator().manual_seed(5)).tolist()
    cases = []
    for name, entries in CASES.items():
        # transformers writes what it fills in into the entries.
        case = {"name": name, "config": json.loads(json.dumps(entries))}
        try:
            case["lengths"] = answer(base, entries, weights, tokens)
        except Exception as error:
            case["error"] = f"{type(error).__name__}: {error}"
        cases.append(case)
    lines = ",\n".join(json.dumps(case) for case in cases)
    head = json.dumps({"max_position_embeddings": 64, "tokens": tokens})[:-1]
    (FOLDER / "rope.json").write_text(f'{head}, "cases": [\n{lines}\n]}}\n')


main()
