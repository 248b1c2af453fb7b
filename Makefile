# make demo    from nothing to a trained and evaluated two-view model, with a report to look at
# make test    everything built and tested
PRESET ?= release
BUILD := build/$(PRESET)
JOBS ?= $(shell nproc)
DEMO_OUT ?= runs/demo
DEMO_SEED ?= 0
DEMO_FLAGS ?=

.PHONY: setup configure build programs demo test bench fuzz fuzz-coverage format lint evidence-demo evidence-real-pairs evidence-paper evidence-ablation evidence-audit evidence-tasks evidence-transfer clean

setup:
	@tools/setup

configure: setup
	@cmake --preset $(PRESET) $(CMAKE_FLAGS)

build: configure
	@cmake --build $(BUILD) --parallel $(JOBS)

# Only the programs: a demo does not wait for the tests to compile.
programs: configure
	@cmake --build $(BUILD) --parallel $(JOBS) --target programs

demo: programs
	$(BUILD)/bin/biplane demo --out $(DEMO_OUT) --seed $(DEMO_SEED) $(DEMO_FLAGS)

test: build
	ctest --test-dir $(BUILD) --output-on-failure --parallel $(JOBS) $(CTEST_FLAGS)

# The three-seed figures of the demo (docs/evidence/demo.md).
evidence-demo: programs
	tools/evidence_demo $(BUILD)

# The proof on real studies (docs/evidence/real_pairs.md); DATA is the folder with studies.csv.
evidence-real-pairs: programs
	tools/evidence_real_pairs $(BUILD) $(or $(DATA),$(or $(BIPLANE_TEST_DATA),../shared/data)/cxr)

# Three steps of the published setting at full size (docs/evidence/paper_steps.md); DATA is the folder that holds cxr/ and vocab/.
evidence-paper: programs
	tools/evidence_paper $(BUILD) $(or $(DATA),$(or $(BIPLANE_TEST_DATA),../shared/data))

# What each part of the method is worth (docs/evidence/ablation.md): hours, and every run that is finished is a line of ablation.jsonl, so that it
# goes on where it was stopped, here or elsewhere. ABLATE_FLAGS="--only factorial" does a part.
evidence-ablation: programs
	$(BUILD)/bin/biplane ablate --config configs/ablation.yaml --out runs/ablation --results docs/evidence/ablation.jsonl $(ABLATE_FLAGS)
	$(BUILD)/bin/biplane ablate --config configs/ablation.yaml --results docs/evidence/ablation.jsonl --report > /dev/null

# Every downstream task on the phantom in the layout of its corpus (docs/evidence/tasks.md). TASKS_FLAGS="--only rsna" does a part,
# --model RUN starts from a run that is there.
evidence-tasks: programs
	tools/evidence_tasks $(BUILD) $(TASKS_FLAGS)

# What pre-training is worth on findings and a style that it never saw (docs/evidence/transfer.md): hours.
evidence-transfer: programs
	tools/evidence_transfer $(BUILD) $(TRANSFER_FLAGS)

# Planted leaks among 20,000 phantom studies (docs/data.md, "Audit"): minutes, and 400 MB in the temporary folder.
evidence-audit: configure
	@cmake --build $(BUILD) --parallel $(JOBS) --target test_corpora
	BIPLANE_AUDIT_STUDIES=20000 $(BUILD)/bin/test_corpora --gtest_filter='AuditOfPhantoms.*'

bench:
	@tools/setup --developer
	@cmake --preset $(PRESET) -DBIPLANE_BENCH=ON $(CMAKE_FLAGS)
	@cmake --build $(BUILD) --parallel $(JOBS) --target benchmarks
	@for b in $(BUILD)/bin/bench_*; do $$b || exit 1; done

# 200,000 inputs for each fuzz target without a crash, a leak or a hang. FUZZ_FLAGS="--runs 1000 csv" does a part.
fuzz:
	@tools/setup --developer
	@cmake --preset asan-ubsan
	@cmake --build build/asan-ubsan --parallel $(JOBS) --target fuzzers
	tools/fuzz --build build/asan-ubsan $(FUZZ_FLAGS)

# The lines that the fuzz targets reach of the files that they guard: at least 70 %.
fuzz-coverage:
	@tools/setup --developer
	@cmake --preset coverage
	@cmake --build build/coverage --parallel $(JOBS) --target fuzzers
	tools/fuzz --build build/coverage --coverage --runs 20000 $(FUZZ_FLAGS)

format:
	@tools/setup --developer
	@git ls-files '*.cpp' '*.h' | xargs clang-format -i $(FORMAT_FLAGS)

# The preset that compiles file by file tells what each file is compiled with.
lint: setup
	@tools/setup --developer
	@cmake --preset dev $(CMAKE_FLAGS)
	@git ls-files 'biplane/*.cpp' 'apps/*.cpp' | xargs -P $(JOBS) -n 4 clang-tidy -p build/dev --quiet

clean:
	rm -rf build
