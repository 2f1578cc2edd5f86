# Entry points for people and for the CI. The building itself is CMake's (CMakePresets.json).

PRESET ?= release
JOBS ?= $(shell nproc)
BIN := build/release/bin/millrace
SERVE_FLAGS ?=
BENCH_FLAGS ?=
SOURCES = tools/tidy --list-sources

.DEFAULT_GOAL := help
.PHONY: help deps build run test bench bench-full fmt tidy lint clean configure

help: ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | \
	  awk -F ':.*## ' '{ printf "  make %-10s %s\n", $$1, $$2 }'

deps: ## Install what building and testing need (Debian 12; root or sudo)
	@tools/deps build test

configure:
	@tools/deps build
	@cmake --preset $(PRESET) $(if $(VERBOSE),,--log-level=WARNING)

build: configure ## Build everything (PRESET=release|debug|asan|tsan|fuzz)
	cmake --build --preset $(PRESET) -j $(JOBS)

run: PRESET = release
run: configure ## Build and start a broker on 127.0.0.1:9092 (SERVE_FLAGS=...)
	cmake --build --preset release -j $(JOBS) --target millrace
	exec $(BIN) serve $(SERVE_FLAGS)

test: ## Check the tree, build the release preset, run every test
	@tools/deps build test
	@$(MAKE) --no-print-directory tidy
	@$(MAKE) --no-print-directory build PRESET=release
	ctest --preset release -j 2
	@echo "make test: all tests passed"

bench: ## Benchmarks beside Apache Kafka and the machine's limit, ten minutes
	@tools/deps build bench
	@$(MAKE) --no-print-directory build PRESET=release
	python3 -B bench/system/matrix.py $(BENCH_FLAGS)

bench-full: override BENCH_FLAGS += --full
bench-full: bench ## The same with all rows and longer rounds, more than an hour

fmt: ## Format the C++ sources in place
	$(SOURCES) | xargs -r clang-format-19 -i

tidy: ## Check include table, sizes, banned calls and formatting
	@tools/tidy
	@$(SOURCES) | xargs -r clang-format-19 --dry-run -Werror
	@echo "make tidy: clean"

lint: ## Run clang-tidy over the sources of the debug preset (slow)
	@tools/deps build test
	@cmake --preset debug --log-level=WARNING
	run-clang-tidy-19 -quiet -p build/debug -j $(JOBS) '^$(CURDIR)/(proto|storage|broker|tools)/'

clean: ## Remove everything that was built
	rm -rf build
