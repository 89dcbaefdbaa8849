#!/usr/bin/env python3
"""Draws what `damage.py` has measured: bits a weight against KL divergence, a line for each way to choose codes and types. SVG."""

import argparse
import json
import math
from pathlib import Path

WAYS = [("importance", "llama-quantize's mixes, importance", "#8a8f98"), ("calibrated", "the same mixes, calibrated", "#2a6fbb"),
        ("calibrated, types chosen", "calibrated, types chosen for the size", "#c2410c")]
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 440, 76, 24, 56, 60


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("json", type=Path)
    parser.add_argument("svg", type=Path)
    parser.add_argument("--title", default="")
    parser.add_argument("--text", default="unseen", choices=("unseen", "seen"))
    parser.add_argument("--types", nargs="*", help="rows to draw; all by default")
    options = parser.parse_args()
    rows = [row for row in json.loads(options.json.read_text()) if not options.types or row["type"] in options.types]
    series = {way: sorted((row[options.text]["bits"], row[options.text]["kl"], row["type"]) for row in rows if row["codes"] == way)
              for way, _, _ in WAYS}
    points = [point for line in series.values() for point in line]
    low, high = math.floor(min(p[0] for p in points) * 2) / 2, math.ceil(max(p[0] for p in points) * 2) / 2
    floor, ceiling = math.log10(min(p[1] for p in points)) - 0.1, math.log10(max(p[1] for p in points)) + 0.1

    def x(bits):
        return LEFT + (bits - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(kl):
        return HEIGHT - BOTTOM - (math.log10(kl) - floor) / (ceiling - floor) * (HEIGHT - TOP - BOTTOM)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="system-ui, sans-serif" font-size="13">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
           f'<text x="{LEFT}" y="24" font-size="15" font-weight="600" fill="#1f2328">{options.title}</text>']
    bits = low
    while bits <= high + 1e-9:
        out.append(f'<line x1="{x(bits):.1f}" y1="{TOP}" x2="{x(bits):.1f}" y2="{HEIGHT - BOTTOM}" stroke="#e6e8eb"/>')
        out.append(f'<text x="{x(bits):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle" fill="#57606a">{bits:g}</text>')
        bits += 0.5
    for exponent in range(math.floor(floor), math.ceil(ceiling) + 1):
        for step in (1, 2, 5):
            value = step * 10.0 ** exponent
            if floor <= math.log10(value) <= ceiling:
                out.append(f'<line x1="{LEFT}" y1="{y(value):.1f}" x2="{WIDTH - RIGHT}" y2="{y(value):.1f}" stroke="#e6e8eb"/>')
                out.append(f'<text x="{LEFT - 8}" y="{y(value) + 4:.1f}" text-anchor="end" fill="#57606a">{value:g}</text>')
    out.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 18}" text-anchor="middle" fill="#1f2328">bits a weight, whole file</text>')
    out.append(f'<text transform="translate(18 {(TOP + HEIGHT - BOTTOM) / 2:.0f}) rotate(-90)" text-anchor="middle" fill="#1f2328">'
               "KL divergence, nats a token</text>")
    for number, (way, name, colour) in enumerate(WAYS):
        line = series[way]
        if not line:
            continue
        path = " ".join(f"{x(b):.1f},{y(k):.1f}" for b, k, _ in line)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for b, k, kind in line:
            out.append(f'<circle cx="{x(b):.1f}" cy="{y(k):.1f}" r="3.5" fill="{colour}"><title>{kind}: {b:.2f} bits, {k:.4g}</title></circle>')
            if way == "importance":
                out.append(f'<text x="{x(b) + 7:.1f}" y="{y(k) - 6:.1f}" fill="#57606a" font-size="11">{kind}</text>')
        top = TOP + 16 + 18 * number
        out.append(f'<line x1="{WIDTH - 310}" y1="{top - 4}" x2="{WIDTH - 286}" y2="{top - 4}" stroke="{colour}" stroke-width="2"/>')
        out.append(f'<text x="{WIDTH - 280}" y="{top}" fill="#1f2328">{name}</text>')
    out.append("</svg>")
    options.svg.write_text("\n".join(out) + "\n")


if __name__ == "__main__":
    main()
