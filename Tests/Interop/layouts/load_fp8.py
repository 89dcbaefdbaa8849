"""FP8 in blocks, of whole tensors and of rows, by transformers, which decodes it on a processor as it is loaded.

It quantizes on a GPU alone: a folder is put together of what its own function makes of each weight.
"""

import json
import shutil
from pathlib import Path

import worker
from worker import Loaded

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, FineGrainedFP8Config

import make_fp8


def tensors_of(folder):
    return {name: tensor for path in sorted(Path(folder).glob("*.safetensors")) for name, tensor in load_file(path).items()}


def make(kind, source, folder):
    tensors, section = {}, make_fp8.DEEPSEEK if kind == "block" else make_fp8.DEEPSEEK | {"weight_block_size": None}
    for name, weight in tensors_of(source).items():
        if name.endswith("_proj.weight"):
            weight, scales, _ = make_fp8.of_transformers(weight, section["weight_block_size"])
            tensors[name + "_scale_inv"] = scales if kind == "block" else scales.reshape(())
        tensors[name] = weight
    Path(folder).mkdir()
    for path in Path(source).glob("*.json"):
        if "index" not in path.name:
            shutil.copyfile(path, Path(folder) / path.name)
    save_file(tensors, Path(folder) / "model.safetensors", {"format": "pt"})
    config = json.loads((Path(source) / "config.json").read_text())
    (Path(folder) / "config.json").write_text(json.dumps(config | {"quantization_config": section}, indent=2))


def load(folder):
    section = json.loads((Path(folder) / "config.json").read_text())["quantization_config"]
    tensors = tensors_of(folder)
    names = [name for name, tensor in tensors.items() if tensor.dtype == torch.float8_e4m3fn]
    if section["quant_method"] == "fbgemm_fp8":
        values = {name: (tensors[name].float() * tensors[name + "_scale"]).numpy() for name in names}
        return Loaded(values, "fbgemm_fp8 asks for a GPU; its codes times its scales are those of torch")
    model, wrong = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, quantization_config=FineGrainedFP8Config(dequantize=True), output_loading_info=True)
    state = model.state_dict()
    return Loaded(
        {name: state[name].float().numpy() for name in names}, worker.torch_logits(model.float().eval()), worker.wrong_keys(wrong))


if __name__ == "__main__":
    worker.run(load, make)
