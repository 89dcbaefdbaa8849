"""GGUF, by transformers, which decodes it with gguf-py."""

from pathlib import Path

import worker
from worker import Loaded

import torch
from transformers import AutoModelForCausalLM


def load(path):
    path = Path(path)
    model, wrong = AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype=torch.float32, output_loading_info=True)
    values = {name: tensor.float().numpy() for name, tensor in model.state_dict().items()}
    return Loaded(values, worker.torch_logits(model.eval()), worker.wrong_keys(wrong))


if __name__ == "__main__":
    worker.run(load)
