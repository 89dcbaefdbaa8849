"""compressed-tensors, by transformers; llm-compressor quantizes, without data."""

import worker
from worker import Loaded

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, CompressedTensorsConfig

import make_compressed_tensors

SCHEMES = {"int4": "W4A16", "int8": "W8A16", "fp8": "FP8_DYNAMIC", "nvfp4": "NVFP4A16", "mxfp4": "MXFP4A16"}


def make(kind, source, folder):
    from llmcompressor import oneshot
    from llmcompressor.modifiers.quantization import QuantizationModifier

    model = AutoModelForCausalLM.from_pretrained(source, dtype=torch.bfloat16)
    recipe = QuantizationModifier(scheme=SCHEMES[kind], targets=["Linear"], ignore=["lm_head"])
    oneshot(model=model, recipe=recipe, pipeline="datafree")
    model.save_pretrained(folder, save_compressed=True)
    AutoTokenizer.from_pretrained(source).save_pretrained(folder)


def load(folder):
    values = make_compressed_tensors.decoded(folder)
    model, wrong = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, quantization_config=CompressedTensorsConfig(run_compressed=False), output_loading_info=True)
    wrong["mistaken_keys"], places = [], dict(model.named_parameters())
    for name, module in model.named_modules():
        # What weights are multiplied with is not rounded.
        module.quantization_enabled = False
        if name + ".weight" in values:
            exact = torch.from_numpy(values[name + ".weight"])
            if not torch.equal(module.weight, exact.to(module.weight.dtype)):
                wrong["mistaken_keys"].append(name)
            module.weight.data = exact
    # It says nothing of a weight that it has no place for.
    wrong["mistaken_keys"] += [name for name in values if name not in places]
    return Loaded(values, worker.torch_logits(model.float().eval()), worker.wrong_keys(wrong))


if __name__ == "__main__":
    worker.run(load, make)
