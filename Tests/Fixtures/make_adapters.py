#!/usr/bin/env python3
"""Makes LoRA adapters for TinyLlama with PEFT, and what PEFT says merging them gives.

Writes adapters/<name>/ beside this script, or under --out, where TinyLlama/ and heldout.txt must
already be (train.py makes them):

    adapter_config.json, adapter_model.safetensors   as PEFT saves them
    expected.json                                    every tensor that merging in F32 changes

Between them the adapters use the options that change how a merge is computed or how keys are named.
"""

import argparse
import os
import random
from pathlib import Path

import torch
import torch.nn.functional as F
from peft import LoraConfig, PeftModel, get_peft_model
from tokenizers import Tokenizer

import grammar
from train import (
    BOS,
    CONTEXT,
    concatenated,
    evaluation_windows,
    load_model,
    negative_log_likelihoods,
    paragraphs,
    perplexity,
    scored_log_probabilities,
    write_json,
)

BASE = Path("TinyLlama")

COASTAL_SEED, INIT_SEED, PROBE_SEED = 11, 12, 13
COASTAL_CHARACTERS = 400_000
PLAIN_STEPS, PLAIN_BATCH, PLAIN_LEARNING_RATE = 40, 4, 5e-3
PROBES = 8
PERPLEXITY_WINDOWS = 4

PLAIN = LoraConfig(task_type="CAUSAL_LM", r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"])

RANDOM_ADAPTERS = {
    # Ranks and alphas by module name, by path and by regular expression, scaled by 1/√r.
    "rslora-patterns": LoraConfig(
        task_type="CAUSAL_LM",
        r=2,
        lora_alpha=6,
        use_rslora=True,
        target_modules=["q_proj", "k_proj", "o_proj", "gate_proj", "down_proj"],
        rank_pattern={"k_proj": 4, "model.layers.0.mlp.gate_proj": 6, r"layers\.[12]\.mlp\.down_proj": 3},
        alpha_pattern={"o_proj": 10, "layers.0.mlp.gate_proj": 3, r"layers\.[23]\.mlp\.down_proj": 2.5},
    ),
    # Magnitudes, and targets given as one regular expression.
    "dora": LoraConfig(
        task_type="CAUSAL_LM",
        r=2,
        lora_alpha=4,
        use_dora=True,
        target_modules=r".*\.(k_proj|up_proj)",
    ),
    # Embedding keys, a base layer saved along with them, and whole modules replaced.
    "full": LoraConfig(
        task_type="CAUSAL_LM",
        r=2,
        lora_alpha=4,
        target_modules=["embed_tokens", "mlp.down_proj"],
        modules_to_save=["norm"],
    ),
}


# Making


def train_plain(base: torch.nn.Module, tokenizer: Tokenizer) -> PeftModel:
    """Teaches the model the coastal dialect, so that merging moves perplexity the expected way."""
    torch.manual_seed(INIT_SEED)
    model = get_peft_model(base, PLAIN)
    text = grammar.prose(COASTAL_SEED, COASTAL_CHARACTERS, grammar.COASTAL)
    tokens, _ = concatenated(tokenizer, paragraphs(text))
    rng = random.Random(COASTAL_SEED)
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trainable, lr=PLAIN_LEARNING_RATE, weight_decay=0.0)
    for step in range(PLAIN_STEPS):
        starts = [rng.randrange(len(tokens) - CONTEXT) for _ in range(PLAIN_BATCH)]
        batch = torch.stack([tokens[start : start + CONTEXT] for start in starts])
        batch[:, 0] = tokenizer.token_to_id(BOS)
        logits = model(input_ids=batch, use_cache=False).logits
        loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), batch[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 10 == 0 or step == PLAIN_STEPS - 1:
            print(f"plain step {step}: loss {loss.item():.4f}")
    return model


@torch.no_grad()
def randomize(model: PeftModel):
    """PEFT's own initial values merge to nothing; these change every target by a fraction of it."""
    generator = torch.Generator().manual_seed(INIT_SEED)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if "lora_magnitude_vector" in name or "modules_to_save" in name:
            parameter.mul_(1 + 0.1 * noise)
        elif "lora_" in name:
            parameter.copy_(0.06 * noise)


def save_adapter(model: PeftModel, directory: Path):
    model.save_pretrained(directory)
    (directory / "README.md").unlink()
    (directory / "adapter_model.safetensors").chmod(0o644)


# Expecting


def changed_tensors(base: dict[str, torch.Tensor], merged: dict[str, torch.Tensor]) -> list[dict]:
    assert base.keys() == merged.keys()
    rng = random.Random(PROBE_SEED)
    entries = []
    for name in sorted(merged):
        if torch.equal(base[name], merged[name]):
            continue
        before, after = base[name].double().flatten(), merged[name].double().flatten()
        indices = sorted([0, len(after) - 1, *rng.sample(range(1, len(after) - 1), PROBES - 2)])
        entries.append({
            "name": name,
            "shape": list(merged[name].shape),
            "sum": after.sum().item(),
            "sum_of_squares": after.square().sum().item(),
            "relative_change": ((after - before).norm() / before.norm()).item(),
            "probes": [{"index": index, "value": after[index].item()} for index in indices],
        })  # fmt: skip
    return entries


def write_expected(adapter_directory: Path, windows: torch.Tensor):
    """Merges what was saved, not what was made, so that the files alone lead to these values."""
    base = load_model(BASE).state_dict()
    adapted = PeftModel.from_pretrained(load_model(BASE), adapter_directory)
    merged = adapted.merge_and_unload()
    losses = negative_log_likelihoods(scored_log_probabilities(merged, windows), windows)
    expected = {
        "perplexity_first_4_windows": perplexity(losses),
        "tensors": changed_tensors(base, merged.state_dict()),
    }
    write_json(adapter_directory / "expected.json", expected)
    changes = [entry["relative_change"] for entry in expected["tensors"]]
    print(
        f"{adapter_directory.name}: {len(changes)} tensors changed, "
        f"by {min(changes):.4f} to {max(changes):.4f}; held-out perplexity "
        f"{expected['perplexity_first_4_windows']['perplexity']:.4f}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).resolve().parent, help="where to read and write"
    )
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    # From here, as the adapters' configurations record the path their base was loaded from.
    os.chdir(arguments.out)
    tokenizer = Tokenizer.from_file(str(BASE / "tokenizer.json"))
    tokens = tokenizer.encode(Path("heldout.txt").read_text()).ids
    windows = evaluation_windows(tokens)[:PERPLEXITY_WINDOWS]

    models = {"plain": train_plain(load_model(BASE), tokenizer)}
    for name, config in RANDOM_ADAPTERS.items():
        # A BF16 base, as usual: PEFT keeps its own tensors in F32 but saves the base's as they are.
        models[name] = get_peft_model(load_model(BASE).to(torch.bfloat16), config)
        randomize(models[name])
    for name, model in models.items():
        directory = Path("adapters", name)
        save_adapter(model, directory)
        write_expected(directory, windows)


if __name__ == "__main__":
    main()
