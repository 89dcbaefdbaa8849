#!/usr/bin/env python3
"""Writes lora_settings.json beside this script: every key that PEFT's LoraConfig saves, with its default value, so that a
test can tell whether each is known to the reader of adapter_config.json."""

import json
from pathlib import Path

import peft

config = peft.LoraConfig(r=8).to_dict()
for key in ("peft_type", "task_type"):
    config[key] = str(getattr(config[key], "value", config[key]))
config["task_type"] = None
document = {"peft": peft.__version__, "settings": config}
text = json.dumps(document, indent=1, sort_keys=True, default=sorted)
(Path(__file__).resolve().parent / "lora_settings.json").write_text(text + "\n")
