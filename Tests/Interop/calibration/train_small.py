#!/usr/bin/env python3
"""Trains a small Llama with its tokenizer on texts that are given: a model whose weights mean something, to measure encoders on.

The text that encoders are measured on later should be of another kind than those that it is trained on.
"""

import argparse
import json
import math
import time
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast


def tokenizer_of(texts, size):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=size, special_tokens=["<|begin|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    return tokenizer


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("texts", type=Path, nargs="+")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--vocabulary", type=int, default=4096)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--window", type=int, default=256)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    texts = [path.read_text(errors="ignore") for path in options.texts]
    tokenizer = tokenizer_of(texts, options.vocabulary)
    parts = [torch.tensor(tokenizer.encode(text).ids) for text in texts]
    ids = torch.cat(parts)
    print(f"{len(ids)} tokens", flush=True)
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=options.hidden, intermediate_size=3 * options.hidden,
        num_hidden_layers=options.layers, num_attention_heads=options.hidden // 64, num_key_value_heads=options.hidden // 128,
        max_position_embeddings=1024, tie_word_embeddings=False, bos_token_id=0, eos_token_id=0)
    model = LlamaForCausalLM(config)
    decayed = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0}],
                                  lr=options.rate, betas=(0.9, 0.95))
    start, step, average = time.time(), 0, None
    while (share := (time.time() - start) / (60 * options.minutes)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = options.rate * min(1, (step + 1) / 50) * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * share)))
        places = torch.randint(0, len(ids) - options.window - 1, (options.batch,))
        batch = torch.stack([ids[place:place + options.window] for place in places])
        loss = model(input_ids=batch, labels=batch).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1)
        optimizer.step()
        average = loss.item() if average is None else 0.98 * average + 0.02 * loss.item()
        if step % 50 == 0:
            print(f"step {step}: loss {average:.3f}, {time.time() - start:.0f} s", flush=True)
        step += 1
    options.output.mkdir(parents=True, exist_ok=True)
    model.bfloat16().save_pretrained(options.output)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<|begin|>", eos_token="<|begin|>").save_pretrained(options.output)
    (options.output / "training.json").write_text(json.dumps({"steps": step, "loss": average, "tokens": len(ids)}) + "\n")


if __name__ == "__main__":
    main()
