"""LAYOUTS.md: from x to y, and what was checked of it."""

import environments
from chains import LAYOUTS, LIBRARIES

TITLES = {"gguf": "GGUF"}


def lines_of(titles, alignments, rows):
    lines = [titles, alignments, *([str(text).replace("|", "\\|") for text in row] for row in rows)]
    return [f"| {' | '.join(line)} |" for line in lines] + [""]


def number(value):
    return f"{value:.1e}" if value else "0"


def opened(chain):
    """Whether the library opens it and finds what Decant does."""
    if chain.failures:
        return "✗"
    return "✓" if chain.opened else "–"


def cell(chain):
    if chain is None:
        return ""
    if chain.refused:
        return "refused"
    return f"{'exact' if chain.exact else number(chain.error)} {opened(chain)}"


def libraries(interop):
    rows = []
    for key, library in LIBRARIES.items():
        said = [chain.opened for chain in interop.chains if chain.library == key and chain.opened]
        said = [one for one in said if "failed" not in one]
        weights, exact = sum(one["weights"] for one in said), sum(one["exact"] + one["zeros"] for one in said)
        zeros = sum(one["zeros"] for one in said)
        logits = [one["logits"] for one in said if "logits" in one]
        unlogged = sorted({one["unlogged"] for one in said if "unlogged" in one})
        told = [f"{library.arithmetic}: at most {number(max(logits))} away"] if logits else []
        fixtures = interop.fixtures.get(key)
        rows.append([
            f"`{key}`", environments.versions(interop.options.environments, library.environment, library.packages),
            f"{fixtures[0]} of {fixtures[1]}" if fixtures else "–", len(said),
            f"{exact:,} of {weights:,}" + (f", {zeros:,} but for signs of zeros" if zeros else ""),
            "; ".join([*told, *(f"not checked: {text}" for text in unlogged)])])
    return lines_of(
        ["Library", "Versions", "Fixtures read to the bit", "Models opened", "Weights of the same bits", "Logits"],
        ["---", "---", ":-:", "--:", "--:", "---"], rows)


def quantized(interop, chains):
    rows = []
    for chain in chains:
        said = chain.opened or {}
        rows.append([
            f"`{chain.target}`", chain.refused or number(chain.error), opened(chain),
            number(said["logits"]) if "logits" in said else "", chain.beside or ""])
    titles = ["To", "Relative error", "Opened", "Logits", "Beside what the library makes"]
    return lines_of(titles, ["---", "--:", ":-:", "--:", "---"], rows)


def matrix(chains, columns):
    cells = {}
    for chain in chains:
        cells.setdefault(chain.source, {})[chain.target] = chain
    rows = [[name, *(cell(row.get(column)) for column in columns)] for name, row in cells.items()]
    return lines_of(["From", *(TITLES.get(column, column) for column in columns)], ["---"] + [":-:"] * len(columns), rows)


def beside_converter(chains):
    rows = []
    for chain in chains:
        same, multiplied, count = chain.converted
        rows.append([chain.source, f"{same} of {count}", multiplied or ""])
    titles = ["From", "Tensors of the same bytes", "Of the same values, with `.scale` in the scales of groups"]
    return lines_of(titles, ["---", "--:", "--:"], rows)


def markdown(interop):
    chains = interop.chains
    of = lambda kind: [chain for chain in chains if chain.kind == kind]
    failures = interop.failures + [text for chain in chains for text in chain.failures]
    converted = of("convert")
    exact = sum(chain.exact is True for chain in converted)
    refused = {}
    for chain in chains:
        if chain.refused:
            refused.setdefault(chain.refused, []).append(chain.name)
    first = next(iter(of("quantize"))).source
    others = [chain for chain in of("quantize") if chain.source != first and chain.library != "mxfp4"]
    lines = [
        "# Layouts", "",
        "What was checked of each spelling of quantized weights, beside the library that it is for. Written by `make layouts`. The "
        f"model is `{interop.options.model.name}`, of {len(interop.tokens)} tokens of which the second half's logits are compared; "
        "that of `mxfp4` is a gpt-oss of random weights.", "",
        f"**{len(chains)} models; {exact} of {len(converted)} conversions are exact; {sum(map(len, refused.values()))} are "
        f"refused; {len(failures)} checks fail.**", "",
        "- **Opened** (✓): the library loads the folder, misses and mistakes nothing, decodes every weight to the very bits that "
        "Decant decodes it to, and computes Decant's logits, as far as it says below. –: nobody was asked.",
        "- **exact**: no value of a weight changed, as the plan said before. A number is the relative error (root of the sum of "
        "squares) of the weights that were encoded, beside those of what they were made from.",
        "- **Beside what the library makes**: how many of the tensors that it stores of the same model, by rounding alone, are "
        "byte for byte Decant's. AutoAWQ only quantizes against data.", "",
        "## Libraries", "", *libraries(interop),
        f"## {first} to", "", *quantized(interop, [chain for chain in of("quantize") if chain not in others]),
        "## Others, quantized to", "", *matrix(others, list(dict.fromkeys(chain.target for chain in others))),
        "## From x to", "",
        "`convert --layout`, and `convert` to a GGUF, of what the libraries themselves (and Decant, of GGUFs) have made.", "",
        *matrix(converted, LAYOUTS),
    ]
    converted_too = [chain for chain in chains if chain.converted]
    if converted_too:
        lines += [
            "## NVFP4 in a GGUF, beside llama.cpp's converter", "",
            "What the converter writes, but for scales of activations.", "", *beside_converter(converted_too)]
    if refused:
        lines += ["## Refused", "", *(f"- {reason} ({', '.join(names)})" for reason, names in refused.items()), ""]
    if failures:
        lines += ["## What does not hold", "", *(f"- {text}" for text in failures), ""]
    return "\n".join(lines)
