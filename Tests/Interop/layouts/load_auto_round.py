"""AutoRound, which rounds without tuning, in sections of its own."""

import glob
import json
import os
import shutil
import tempfile
from pathlib import Path

import worker
from worker import Loaded

import torch
from auto_round import AutoRound
from transformers import AutoModelForCausalLM, AutoTokenizer

import make_auto_round


def make(kind, source, folder):
    tokenizer = AutoTokenizer.from_pretrained(source)
    model = AutoModelForCausalLM.from_pretrained(source, dtype=torch.bfloat16)
    with tempfile.TemporaryDirectory() as here:
        rounding = AutoRound(model, tokenizer, iters=0, disable_opt_rtn=True, device_map="cpu", bits=4, group_size=128, sym=True)
        rounding.quantize_and_save(here, format="auto_round")
        (made,) = glob.glob(os.path.join(here, "**", "config.json"), recursive=True)
        shutil.copytree(os.path.dirname(made), folder)


def load(folder):
    section = json.loads((Path(folder) / "config.json").read_text())["quantization_config"]
    values = make_auto_round.decoded(folder, lambda module: (section["bits"], section["group_size"]))
    model, wrong = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, device_map="cpu", output_loading_info=True)
    return Loaded(values, worker.torch_logits(model.eval()), worker.wrong_keys(wrong))


if __name__ == "__main__":
    worker.run(load, make)
