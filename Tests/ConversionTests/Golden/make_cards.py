#!/usr/bin/env python3
"""What llama.cpp's converter makes of model cards: cards.json. Made with gguf 0.19.0:

    python make_cards.py
"""

import json
import pathlib
import tempfile

import gguf

CARDS = [
    "---\nlicense: apache-2.0\nlanguage:\n- en\n- de\ntags:\n- text-generation\n- tiny\n---\n# Title\nlicense: mit\n",
    "---\nlicense: other\nlicense_name: llama3.1\nlicense_link: https://example.org/LICENSE\nlanguage: [en, 'no', \"fr\"]\n"
    "pipeline_tag: text-generation\ntags: [conversational]\n---\n",
    "---\nbase_model: HuggingFaceTB/SmolLM2-Instruct\ndatasets:\n- roneneldan/TinyStories\n- https://example.org/data\n---\n",
    "---\nbase_model:\n  - meta-llama/Llama-chat\n  - https://huggingface.co/acme/some-model\nlibrary_name: transformers # a comment\n---\n",
    "---\nlicense:\n- mit\n- apache-2.0\nauthor: 'It''s me'\nversion: v2\ndescription: \"A \\\"small\\\" model\"\nmodel_organization: Acme\n---\n",
    "---\nmodel-index:\n- name: x\n  results:\n  - task:\n      type: text\n    license: mit\nwidget:\n- text: hi\n  license: mit\nlanguage:\n- no\n---\n",
    "# No settings\n---\nlicense: mit\n---\n",
    "",
    "---\nlicense: mit\n",
    "---\nlicense: null\nlanguage: ~\ntags: []\n---\n",
]


def keys(card):
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "README.md").write_text(card)
        document = gguf.Metadata.load_model_card(pathlib.Path(folder))
        metadata = gguf.Metadata.apply_metadata_heuristic(gguf.Metadata(), document)
        metadata.name = "x"
        writer = gguf.GGUFWriter(None, "llama")
        metadata.set_gguf_meta_model(writer)
        return {key: value.value for key, value in writer.kv_data[0].items() if key not in ("general.architecture", "general.name")}


golden = [{"card": card, "keys": keys(card)} for card in CARDS]
pathlib.Path(__file__).with_name("cards.json").write_text(json.dumps(golden, indent=1) + "\n")
