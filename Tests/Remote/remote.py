#!/usr/bin/env python3
"""Reads models from servers on the loopback address as a person would, and holds what comes of it against the same job on this machine.

    remote.py --decant PROGRAM --fixtures FOLDER [--only WORD] [--size BYTES] [--work FOLDER]

Needs nginx, curl and openssl, and the packages of requirements.txt. Prints a line for each check, then how long a job on a large
model takes beside curl of the same bytes and the job on this machine. Fails where a check fails, or the ratio is over the bar.
"""

import argparse
import contextlib
import filecmp
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from servers import Buckets, Hub, Nginx

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "Fixtures"))
from large_model import make_model

BAR = 1.2
MOST_MEMORY_MB = 450


class Failure(Exception):
    pass


def require(condition, text):
    if not condition:
        raise Failure(text)


class Bench:
    def __init__(self, arguments, work):
        self.decant = arguments.decant
        self.fixtures = arguments.fixtures
        self.model = arguments.fixtures / "TinyLlama"
        self.work = work
        self.home = work / "home"
        self.home.mkdir()
        self.number = 0
        self.size = arguments.size
        #: none of these may be said, or be in what is written
        self.secrets = ["pass-7f3", Hub.token, "cdn-secret", "query-secret-58d1", "root-secret"]

    def out(self, name="out"):
        self.number += 1
        folder = self.work / f"{self.number:03}"
        folder.mkdir()
        return folder / name

    def environment(self, more=()):
        return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": str(self.home), **dict(more)}

    def run(self, *words, env=(), fails=None, mentions=(), timeout=300):
        """Runs the program; the secrets are in none of what it says and writes."""
        result = subprocess.run([self.decant, *map(str, words)], env=self.environment(env), capture_output=True, text=True,
                                timeout=timeout)
        said = result.stdout + result.stderr
        shown = f"{' '.join(map(str, words))}\n    {result.returncode}: {said.strip()[-600:]}"
        if fails is None:
            require(result.returncode == 0, shown)
        else:
            require(result.returncode == fails, f"{shown}\n    expected the exit code {fails}")
            require(len(result.stderr.strip().splitlines()) == 1 or fails == 64, f"{shown}\n    expected one line")
        for mention in mentions:
            require(mention in said, f"{shown}\n    does not say {mention!r}")
        for secret in self.secrets:
            require(secret not in said, f"{shown}\n    says a secret")
        return result

    def scan(self, path):
        path = pathlib.Path(path)
        files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
        for file in files:
            data = file.read_bytes()
            for secret in self.secrets:
                require(secret.encode() not in data, f"{file} holds a secret")

    def same(self, one, other):
        one, other = pathlib.Path(one), pathlib.Path(other)
        if one.is_file():
            return require(filecmp.cmp(one, other, shallow=False), f"{one} and {other} differ")
        names = [sorted(p.name for p in folder.iterdir()) for folder in (one, other)]
        require(names[0] == names[1], f"{one} holds {names[0]}, {other} {names[1]}")
        for name in names[0]:
            self.same(one / name, other / name)

    def converted(self, source, *words, env=(), local=None, name="out.gguf", command="convert"):
        """A job on a source is the same as on the files of this machine."""
        here, there = self.out(name), self.out(name)
        self.run(command, source, there, *words, "--no-provenance", env=env)
        self.run(command, local or self.model, here, *words, "--no-provenance")
        self.same(here, there)
        recorded = self.out(name)
        self.run(command, source, recorded, *words, env=env)
        self.scan(recorded.parent)
        return recorded


# MARK: - Web servers


def web(bench, nginx):
    trusting = {"SSL_CERT_FILE": str(nginx.ca)}
    http, https = f"http://127.0.0.1:{nginx.http}", f"https://localhost:{nginx.https}"

    def folders():
        for place in (f"{http}/TinyLlama/", f"{http}/listed/TinyLlama/", f"{http}/weak/TinyLlama/"):
            bench.converted(place)
        bench.converted(f"{http}/TinyLlama/", "--type", "nf4", name="out", command="quantize")

    def encrypted():
        for variable in ("SSL_CERT_FILE", "CURL_CA_BUNDLE"):
            bench.converted(f"{https}/TinyLlama/", env={variable: str(nginx.ca)})
        bench.run("inspect", f"{https}/TinyLlama/", fails=1, mentions=["certificate", "SSL_CERT_FILE"])
        bench.run("inspect", f"https://127.0.0.1:{nginx.https}/TinyLlama/", env=trusting, fails=1, mentions=["certificate"])

    def redirects():
        bench.converted(f"{http}/moved/TinyLlama/")
        bench.run("inspect", f"{https}/down/TinyLlama/", env=trusting, fails=1, mentions=["not encrypted"])
        bench.run("inspect", f"{http}/circle/TinyLlama/", fails=1, mentions=["more than 5 times"])

    def no_ranges():
        bench.run("convert", f"{http}/whole/TinyLlama/", bench.out("o.gguf"), fails=1,
                  mentions=["HTTP 200, expected 206", "model-00001-of-00002.safetensors"])

    def busy():
        start = time.monotonic()
        bench.run("tokenize", f"{http}/busy/TinyLlama/tokenizer.json", "--text", bench.fixtures / "heldout.txt")
        bench.run("inspect", f"{http}/busy/TinyLlama/", timeout=200)
        statuses = {line.split()[3] for line in nginx.requests() if "/busy/" in line}
        require("429" in statuses, f"nobody was turned away: {statuses}")
        require(time.monotonic() - start < 150, "waited too long")

    def passwords():
        place = f"http://user:pass-7f3@127.0.0.1:{nginx.http}/private/TinyLlama/"
        output = bench.converted(place)
        require(b"user:" not in output.read_bytes(), "the output names the user")
        bench.run("inspect", f"{http}/private/TinyLlama/", fails=1, mentions=["HTTP 401"])
        bench.run("inspect", f"http://user:wrong@127.0.0.1:{nginx.http}/private/TinyLlama/", fails=1, mentions=["HTTP 401"])
        bench.run("inspect", "http://user:pass-7f3@example.invalid/", fails=1, mentions=["unencrypted"])
        # What the parser refuses it repeats.
        bench.run("inspect", place, "--such-option", fails=64)
        bench.run("convert", bench.model, place, fails=64)

    def queries():
        signed = f"{http}/one/tiny.gguf?X-Amz-Signature=query-secret-58d1"
        output = bench.converted(signed, "--dtype", "f16", local=bench.work / "www/one/tiny.gguf")
        require(any("query-secret" in line for line in nginx.requests()), "the query was not sent")
        bench.run("convert", f"{http}/none/tiny.gguf?X-Amz-Signature=query-secret-58d1", bench.out("o.gguf"), fails=1,
                  mentions=["no such file"])
        require(f"{http}/one/tiny.gguf".encode() in output.read_bytes(), "the output does not say where it comes from")

    def everything():
        place, one = f"{http}/TinyLlama/", f"{http}/one/tiny.gguf"
        text = f"{http}/fixtures/heldout.txt"
        here = bench.work / "www/one/tiny.gguf"
        for words, source in [(("inspect", "--json"), place), (("hash", "--json"), place), (("hash", "--json"), one),
                              (("check", "--json"), one)]:
            local = bench.model if source == place else here
            ours = json.loads(bench.run(*words, local).stdout)
            theirs = json.loads(bench.run(*words, source).stdout)
            for report in (ours, theirs):
                for key in [k for k, v in report.items() if isinstance(v, str) and ("/" in v)]:
                    del report[key]
            require(json.dumps(ours).replace(str(local), "") == json.dumps(theirs).replace(source.rstrip("/"), ""),
                    f"{words} of {source} says {json.dumps(theirs)[:400]}, not {json.dumps(ours)[:400]}")
        bench.run("diff", bench.model, place)
        bench.run("compare", bench.model, one, "--text", text, "--chunks", "1")
        bench.run("perplexity", one, "--text", text, "--chunks", "1", "--tokenizer", place)
        adapters = sorted((bench.fixtures / "adapters").iterdir())
        adapter = next(p for p in adapters if p.name == "plain")
        base = bench.model
        ours, theirs = bench.out("o.gguf"), bench.out("o.gguf")
        bench.run("merge", base, f"{adapter}:0.5", ours, "--no-provenance")
        bench.run("merge", place, f"{http}/fixtures/adapters/{adapter.name}/:0.5", theirs, "--no-provenance")
        bench.same(ours, theirs)
        matrix = "fixtures/llama-imatrix.gguf"
        words = ("--type", "q4_k_m", "--no-provenance")
        ours, theirs = bench.out("o.gguf"), bench.out("o.gguf")
        bench.run("quantize", base, ours, *words, "--imatrix", bench.fixtures / "llama-imatrix.gguf")
        bench.run("quantize", place, theirs, *words, "--imatrix", f"{http}/{matrix}")
        bench.same(ours, theirs)
        recorded = bench.out("o.gguf")
        bench.run("quantize", place, recorded, "--type", "q8_0")
        bench.run("rebuild", recorded, "--from", bench.model)
        bench.run("rebuild", recorded, "--from", place)
        bench.run("split", one, bench.out("split.gguf"), "--max-shard-size", "2MB")
        bench.run("pack", one, bench.out("o.gguf.zst"))
        bench.run("edit", one, "--set", "general.name=x", fails=1, mentions=["not on this machine"])
        bench.converted(f"{http}/split/tiny-00001-of-00004.gguf", "--dtype", "f16",
                        local=bench.work / "www/split/tiny-00001-of-00004.gguf")

    def proxies():
        dead = {"http_proxy": "http://127.0.0.1:9"}
        bench.run("inspect", f"{http}/TinyLlama/", env=dead, fails=1, mentions=["cannot be reached"])
        bench.run("inspect", f"{http}/TinyLlama/", env={**dead, "no_proxy": "127.0.0.1"})

    def stopped():
        """A job that was stopped goes on; one whose source was changed since starts over; one under way notices."""
        model = bench.work / "www/stopped"
        make_model(model, 24 << 20)
        place = f"{http}/slow/stopped/"

        def interrupted(output, after):
            process = subprocess.Popen([bench.decant, "quantize", place, output, "--type", "q8_0"],
                                       env=bench.environment(), stderr=subprocess.PIPE, text=True)
            time.sleep(after)
            begin = time.monotonic()
            process.send_signal(signal.SIGINT)
            said = process.communicate()[1]
            require(time.monotonic() - begin < 2, "took long to stop")
            return process.returncode, said

        output = bench.out("o.gguf")
        code, said = interrupted(output, 9)
        require(code == 130 and not output.exists(), f"{code} {said}")
        bench.scan(output.parent)
        bench.run("quantize", place, output, "--type", "q8_0", mentions=["going on with an earlier run"])
        whole = bench.out("o.gguf")
        bench.run("quantize", place, whole, "--type", "q8_0")
        bench.same(output, whole)

        again = bench.out("o.gguf")
        interrupted(again, 9)
        make_model(model, 24 << 20, seed=2)
        result = bench.run("quantize", place, again, "--type", "q8_0")
        require("going on with" not in result.stderr, "goes on with another model")
        bench.run("rebuild", again, "--from", model)

        changed = bench.out("o.gguf")
        process = subprocess.Popen([bench.decant, "quantize", place, changed, "--type", "q8_0"], env=bench.environment(),
                                   stderr=subprocess.PIPE, text=True)
        time.sleep(2)
        make_model(model, 24 << 20, seed=3)
        said = process.communicate()[1]
        require(process.returncode == 1 and "was changed" in said, f"{process.returncode} {said}")
        require(not list(changed.parent.iterdir()), "something is left of the output")

    return [folders, encrypted, redirects, no_ranges, busy, passwords, queries, everything, proxies, stopped]


# MARK: - The hub


def hub(bench, server):
    online = {"HF_ENDPOINT": server.endpoint, "HF_TOKEN": server.token}
    cache = bench.work / "cache"

    def fill(cache, files=None):
        folder = cache / "hub/models--org--tiny"
        commit = server.commit("org/tiny")
        (folder / "refs").mkdir(parents=True)
        (folder / "refs/main").write_text(commit)
        snapshot = folder / "snapshots" / commit
        snapshot.mkdir(parents=True)
        for path in bench.model.iterdir():
            if files is None or path.name in files:
                shutil.copy(path, snapshot)

    def networks():
        for name in ("org/tiny", "org/tiny@v1", "hf://org/tiny", "hf://org/tiny@refs/pr/1", "org/expiring"):
            output = bench.converted(name, "--name", "tiny", env=online)
        require(any(port == server.network for port, _, _ in server.seen), "the content network was not asked")
        for port, path, authorization in server.seen:
            require((authorization == f"Bearer {server.token}") == (port == server.port), f"{port} {path} {authorization}")
        result = bench.run("convert", "org/tiny", bench.out("o.gguf"), "--verbose", env=online)
        require(server.commit("org/tiny") in result.stderr, "--verbose does not tell the commit")
        require("of 2 files the store tells a SHA-256: 2 have it" in result.stderr, f"not checked: {result.stderr[-300:]}")
        data = output.read_bytes()
        require(b"sha256:" in data and server.commit("org/expiring").encode() in data, "the output does not tell where from")
        # The model is called as on a machine that has it in its cache.
        named = bench.out("o.gguf")
        bench.run("convert", "org/tiny", named, "--no-provenance", env=online)
        fill(cache)
        here = bench.out("o.gguf")
        bench.run("convert", "org/tiny", here, "--no-provenance", env={**online, "HF_HOME": str(cache)})
        bench.same(named, here)

    def caches():
        server.seen.clear()
        home = {"HF_HOME": str(cache)}
        result = bench.run("inspect", "org/tiny", "--verbose", env={**online, **home})
        require(not server.seen and "from the cache" in result.stderr, f"{server.seen} {result.stderr}")
        bench.run("inspect", "org/tiny", env={**home, "HF_HUB_OFFLINE": "1", "HF_ENDPOINT": server.endpoint})
        bench.run("inspect", "hf://org/tiny/config.json", env={**home, "HF_HUB_OFFLINE": "1"}, fails=1)
        bench.run("inspect", "org/other", env={**home, "HF_HUB_OFFLINE": "1", "HF_ENDPOINT": server.endpoint}, fails=1,
                  mentions=["HF_HUB_OFFLINE"])
        require(not server.seen, f"asked all the same: {server.seen}")
        # With a part of it, the rest is fetched.
        part = bench.work / "part"
        fill(part, ["config.json", "tokenizer.json"])
        bench.run("inspect", "org/tiny", env={**online, "HF_HOME": str(part)})
        require(server.seen, "was not asked")

    def local():
        place = bench.work / "cwd"
        shutil.copytree(bench.model, place / "org/tiny")
        server.seen.clear()
        result = subprocess.run([bench.decant, "inspect", "org/tiny"], cwd=place, env=bench.environment(online),
                                capture_output=True, text=True)
        require(result.returncode == 0 and not server.seen, f"{result.stderr} {server.seen}")
        subprocess.run([bench.decant, "inspect", "hf://org/tiny"], cwd=place, env=bench.environment(online), check=True,
                       capture_output=True)
        require(server.seen, "hf:// did not mean the hub")
        server.seen.clear()
        for missing in ("models/tiny.gguf", "./org/none", "org/none/"):
            subprocess.run([bench.decant, "inspect", missing], cwd=place, env=bench.environment(online), capture_output=True)
        bench.run("perplexity", place / "org/tiny", "--text", "data/wiki", env=online, fails=1)
        require(not server.seen, f"names of files were sent: {server.seen}")

    def refusals():
        bench.run("inspect", "org/none", env=online, fails=1, mentions=["no such model"])
        bench.run("inspect", "org/tiny@none", env=online, fails=1, mentions=["no such revision"])
        bench.run("inspect", "org/gated", env={"HF_ENDPOINT": server.endpoint}, fails=1, mentions=["HF_TOKEN", "asked for it"])
        bench.run("convert", "org/damaged", bench.out("o.gguf"), env=online, fails=1, mentions=["SHA-256"])
        bench.run("inspect", "hf://org", env=online, fails=1, mentions=["no name"])

    return [networks, caches, local, refusals]


# MARK: - Buckets


def buckets(bench, server):
    server.put("open", "deep/TinyLlama/", bench.model, "public-read")
    server.put("models", "deep/TinyLlama/", bench.model, "private")
    place = {"AWS_ENDPOINT_URL": server.endpoint, "AWS_REGION": "eu-west-3"}

    def anonymous():
        bench.converted("s3://open/deep/TinyLlama/", env=place)
        bench.converted("s3://open/deep/TinyLlama", env=place)
        bench.run("inspect", "s3://open/deep/TinyLlama/model-00001-of-00002.safetensors", env=place)
        bench.run("inspect", "s3://open/none/", env=place, fails=1)
        bench.run("inspect", "s3://models/deep/TinyLlama/", env=place, fails=1, mentions=["HTTP 403", "AWS_ACCESS_KEY_ID"])
        bench.run("inspect", "s3://none/x/", env=place, fails=1, mentions=["bucket"])

    def signed():
        key, secret = server.protect()
        bench.secrets += [secret]
        rights = {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}
        output = bench.converted("s3://models/deep/TinyLlama/", env={**place, **rights})
        result = bench.run("convert", "s3://models/deep/TinyLlama/", bench.out("o.gguf"), "--verbose", env={**place, **rights})
        require(" have it" in result.stderr and "not all was read" not in result.stderr, f"not checked: {result.stderr[-300:]}")
        require(b"s3://models/deep/TinyLlama/model-00001" in output.read_bytes(), "the output does not tell where from")
        (bench.home / ".aws").mkdir()
        (bench.home / ".aws/credentials").write_text(
            f"[other]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n")
        (bench.home / ".aws/config").write_text("[profile other]\nregion = eu-west-3\n")
        bench.run("inspect", "s3://models/deep/TinyLlama/",
                  env={"AWS_ENDPOINT_URL_S3": server.endpoint, "AWS_PROFILE": "other"})
        bench.run("inspect", "s3://models/deep/TinyLlama/", fails=1, mentions=["HTTP 403"],
                  env={**place, "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": "wrong"})

    return [anonymous, signed]


# MARK: - Speed


def timed(words, env):
    """Seconds, and the most memory in MB."""
    start = time.monotonic()
    process = subprocess.Popen([str(word) for word in words], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    require(process.returncode == 0, said.decode()[-600:])
    return time.monotonic() - start, usage.ru_maxrss / 1024


def speed(bench, nginx):
    model = bench.work / "www/large"
    make_model(model, bench.size)
    total = sum(path.stat().st_size for path in model.iterdir())
    env = bench.environment({"SSL_CERT_FILE": str(nginx.ca)})
    print(f"\n{total / 1e9:.2f} GB; the best of 3 runs, the times in seconds, after everything was read once\n")
    print("| job                    | server | curl  | here  | both  | from there | ratio | MB of memory |")
    print("|------------------------|--------|-------|-------|-------|------------|-------|--------------|")
    # Read by another process: a child begins with the memory of its parent, as the system counts it.
    subprocess.run(["cat", *model.iterdir()], check=True, stdout=subprocess.DEVNULL)
    worst = 0
    for title, words, name in [("convert to GGUF", ("convert",), "o.gguf"), ("quantize to q4_k_m", ("quantize", "--type", "q4_k_m"), "o.gguf"),
                               ("quantize to nf4", ("quantize", "--type", "nf4"), "o")]:
        for scheme, server in (("http", f"http://127.0.0.1:{nginx.http}"), ("https", f"https://localhost:{nginx.https}")):
            best, memory = {}, 0
            for _ in range(3):
                fetched = bench.out("fetched")
                fetched.mkdir()
                urls = [word for path in sorted(model.iterdir())
                        for word in ("-o", fetched / path.name, f"{server}/large/{path.name}")]
                outputs = {"curl": fetched.parent}
                jobs = {"curl": ["curl", "-sSf", "--cacert", nginx.ca, "-Z", *urls]}
                for kind, source in (("here", model), ("there", f"{server}/large/")):
                    output = bench.out(name)
                    outputs[kind] = output.parent
                    jobs[kind] = [bench.decant, words[0], source, output, *words[1:]]
                for kind, job in jobs.items():
                    os.sync()
                    seconds, peak = timed(job, env)
                    best[kind] = min(best.get(kind, seconds), seconds)
                    if kind == "there":
                        memory = max(memory, peak)
                    # So that the model stays in memory.
                    shutil.rmtree(outputs[kind])
            both = best["curl"] + best["here"]
            ratio = best["there"] / both
            worst = max(worst, ratio)
            print(f"| {title:22} | {scheme:6} | {best['curl']:5.2f} | {best['here']:5.2f} | {both:5.2f} | {best['there']:10.2f} "
                  f"| {ratio:5.2f} | {memory:12.0f} |", flush=True)
            require(memory <= MOST_MEMORY_MB, f"took {memory:.0f} MB of memory, more than {MOST_MEMORY_MB}")
    require(worst <= BAR, f"the ratio {worst:.2f} is over the bar of {BAR}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--decant", type=pathlib.Path, required=True)
    parser.add_argument("--fixtures", type=pathlib.Path, required=True)
    parser.add_argument("--only", help="checks with this in their name")
    parser.add_argument("--size", type=int, default=2_200_000_000, help="bytes of the large model")
    parser.add_argument("--work", type=pathlib.Path, help="where everything is written; removed in the end")
    arguments = parser.parse_args()
    arguments.decant, arguments.fixtures = arguments.decant.resolve(), arguments.fixtures.resolve()
    failures = 0
    with contextlib.ExitStack() as stack:
        work = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(dir=arguments.work)))
        bench = Bench(arguments, work)
        root = work / "www"
        shutil.copytree(bench.model, root / "TinyLlama")
        shutil.copytree(bench.fixtures / "adapters", root / "fixtures/adapters")
        for name in ("heldout.txt", "llama-imatrix.gguf"):
            shutil.copy(bench.fixtures / name, root / "fixtures")
        for folder in ("one", "split"):
            (root / folder).mkdir()
        bench.run("convert", bench.model, root / "one/tiny.gguf")
        bench.run("split", root / "one/tiny.gguf", root / "split/tiny.gguf", "--max-shard-size", "2MB")
        groups = [
            ("web", web, lambda: Nginx(work / "nginx", root)),
            ("hub", hub, lambda: Hub({f"org/{name}": bench.model for name in ("tiny", "gated", "damaged", "expiring")})),
            ("buckets", buckets, Buckets),
        ]

        def attempt(name, check):
            nonlocal failures
            if arguments.only and arguments.only not in name:
                return
            start = time.monotonic()
            try:
                check()
                print(f"ok      {name} ({time.monotonic() - start:.1f} s)", flush=True)
            except (Failure, subprocess.TimeoutExpired, OSError) as failure:
                failures += 1
                print(f"FAILED  {name}: {failure}", flush=True)

        for group, make, server in groups:
            with server() as running:
                for check in make(bench, running):
                    attempt(f"{group}: {check.__name__}", check)
        with Nginx(work / "nginx-speed", root) as running:
            attempt("speed", lambda: speed(bench, running))
    print(f"{failures} checks failed" if failures else "all checks passed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
