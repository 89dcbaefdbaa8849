"""MXFP4 of the experts of gpt-oss, by transformers, which decodes it on a processor as it is loaded."""

import worker
from worker import Loaded

import torch
from transformers import AutoModelForCausalLM, Mxfp4Config


def load(folder):
    model, wrong = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, quantization_config=Mxfp4Config(dequantize=True), output_loading_info=True)
    values = {
        name: tensor.float().numpy() for name, tensor in model.state_dict().items()
        if name.endswith((".gate_up_proj", ".down_proj"))}
    return Loaded(values, worker.torch_logits(model.float().eval()), worker.wrong_keys(wrong))


if __name__ == "__main__":
    worker.run(load)
