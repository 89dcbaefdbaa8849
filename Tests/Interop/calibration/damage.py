#!/usr/bin/env python3
"""Measures what types cost a model with their own encoders, with an importance matrix, and calibrated: a table, and JSON.

Every row is KL divergence from the model as it is, on text of a kind that the calibration has not read and on text of a kind that it
has: mean and 99 % in nats a token, agreement on the most likely token, perplexity, and CPU seconds of encoding. Weights that are no
linear layers stay what they are.
"""

import argparse
import json
import resource
import shutil
import subprocess
import tempfile
from pathlib import Path

FOLDER_TYPES = ("nf4", "fp4", "int4", "int8")


class Bench:
    def __init__(self, options, work):
        self.options, self.work = options, work

    def run(self, *arguments):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        result = subprocess.run([self.options.decant, *map(str, arguments)], capture_output=True, text=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if result.returncode:
            raise SystemExit(f"decant {' '.join(map(str, arguments))}: {result.stderr.strip()}")
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return (json.loads(result.stdout) if "--json" in arguments else None), seconds

    def encode(self, kind, extra, size=None):
        """Writes the model in a type, or, with a size, in types chosen for so many bytes."""
        output = self.work / ("model" if kind.split("+")[0] in FOLDER_TYPES else "model.gguf")
        shutil.rmtree(output, ignore_errors=True)
        types = ["--type", kind.split("+")[0]] if size is None else ["--target-size", size]
        arguments = ["quantize", self.options.model, output, *types, "--force", "--quiet", *extra]
        if kind.endswith("+dq"):
            arguments.append("--double-quant")
        if output.suffix == ".gguf":
            if self.options.keep_embedding:
                arguments += ["--token-embedding-type", "bf16"]
            if self.options.keep_head:
                arguments += ["--output-tensor-type", "bf16"]
            if kind in self.options.pure and size is None:
                arguments.append("--pure")
        _, seconds = self.run(*arguments)
        return output, seconds

    def measure(self, output):
        found = {}
        for name, text in (("unseen", self.options.unseen), ("seen", self.options.seen)):
            if text is None:
                continue
            report, _ = self.run("compare", self.options.model, output, "--text", text, "--context", self.options.context,
                                 "--chunks", self.options.chunks, "--json", "--quiet")
            found[name] = {"kl": report["kl"]["mean"], "standard_error": report["kl"]["standard_error"],
                           "p99": report["kl"]["p99"], "top1": report["top1_agreement"],
                           "perplexity": report["after"]["perplexity"], "before": report["before"]["perplexity"],
                           "bytes": report["after"].get("bytes"), "bits": report["after"].get("bits_per_weight")}
        return found


def markdown(rows):
    lines = ["| type | codes | KL unseen | 99 % | top | perplexity | KL seen | 99 % | top | bits | CPU s | of it |",
             "|---|---|---|---|---|---|---|---|---|---|---|---|"]
    for row in rows:
        cells = [row["type"], row["codes"]]
        for text in ("unseen", "seen"):
            if text not in row:
                cells += ["", "", ""] + ([""] if text == "unseen" else [])
                continue
            part = row[text]
            cells += [f"{part['kl']:.4f}", f"{part['p99']:.3f}", f"{100 * part['top1']:.1f} %"]
            if text == "unseen":
                cells.append(f"{part['perplexity']:.2f}")
        cells += [f"{row.get('unseen', row.get('seen'))['bits']:.2f}", f"{row['cpu']:.0f}", row["ratio"]]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--decant", type=Path, required=True)
    parser.add_argument("--calibration", type=Path, required=True)
    parser.add_argument("--imatrix", type=Path, help="made of the same tokens: decant calibrate --imatrix")
    parser.add_argument("--unseen", type=Path, required=True)
    parser.add_argument("--seen", type=Path)
    parser.add_argument("--types", nargs="+", required=True)
    parser.add_argument("--pure", nargs="*", default=[], help="types that all weights get, rather than the mix of that name")
    parser.add_argument("--targets", nargs="*", default=[], help="types whose size is a target for types that are chosen, too")
    parser.add_argument("--keep-embedding", action="store_true", help="leave the token embedding of a GGUF in bf16")
    parser.add_argument("--keep-head", action="store_true", help="leave the output matrix of a GGUF in bf16")
    parser.add_argument("--context", type=int, default=256)
    parser.add_argument("--chunks", type=int, default=16)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="decant-damage-") as work:
        bench = Bench(options, Path(work))
        for kind in options.types:
            best = None
            ways = [("own", [])]
            if options.imatrix and kind.split("+")[0] not in FOLDER_TYPES:
                ways.append(("importance", ["--imatrix", options.imatrix]))
            calibrated = ["--calibration", options.calibration]
            ways.append(("calibrated", [*calibrated, "--no-measure"]))
            if kind in options.targets:
                ways.append(("calibrated, types chosen", calibrated))
            size = None
            for codes, extra in ways:
                try:
                    output, seconds = bench.encode(kind, extra, size if codes.endswith("chosen") else None)
                except SystemExit as error:
                    if codes != "importance":
                        raise
                    print(f"{kind} takes no importance: {error}"[:160], flush=True)
                    continue
                row = {"type": kind, "codes": codes, "cpu": seconds, **bench.measure(output)}
                kl, size = row["unseen"]["kl"], row["unseen"]["bytes"] if size is None else size
                row["ratio"] = f"{kl / best:.2f}" if codes.startswith("calibrated") else ""
                best = best if codes.startswith("calibrated") else kl
                rows.append(row)
                if options.json:
                    options.json.write_text(json.dumps(rows, indent=1) + "\n")
                print(kind, codes, {text: f"{row[text]['kl']:.5f}" for text in ("unseen", "seen") if text in row}, row["ratio"],
                      f"{seconds:.0f} s", flush=True)
    if options.table:
        options.table.write_text(markdown(rows))


if __name__ == "__main__":
    main()
