# SPDX-License-Identifier: GPL-2.0
#
# `make` is the ordinary out-of-tree build against the kernel tree KDIR. All
# that runs in guests works on the build root and kernel that `make setup`
# makes under build/. What a text after ## says is `make help`.

KDIR ?= /lib/modules/$(shell uname -r)/build
# Debian's own kernel has not to be compiled: the faster way to see numaweave.
KERNEL ?= $(if $(filter run,$(MAKECMDGOALS)),stock-7.2,test)
TOPOLOGY ?= three-tier

MAKEFLAGS += --no-print-directory
IN_ROOT := scripts/in-root
VM = scripts/vm --kernel $(KERNEL) --topology $(TOPOLOGY) $(addprefix --load ,$(LOAD))
TARGET := x86_64-unknown-linux-gnu
export CMD

.DEFAULT_GOAL := modules

help: ## this list
	@awk -F ':.*## ' '/^[a-z][a-z_-]*:.*## / { printf "  %-16s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo 'Variables: KDIR ($(KDIR)), TOPOLOGY ($(TOPOLOGY)), KERNEL ($(KERNEL)),'
	@echo 'LOAD (modules for shell and exec, such as numaweave:target=900), CMD,'
	@echo 'ONLY (a pattern of test names), BENCH and TORTURE (options of bench/run and'
	@echo 'tests/torture/run: see their --help).'
	@echo 'Topologies: $(basename $(notdir $(wildcard scripts/topologies/*.toml)))'
	@echo 'Kernels: test (small), debug (locks, leaks, lifetimes), kasan (memory), kcsan (races),'
	@echo 'stock-7.2 and stock-7.3 (unmodified ones of Debian'"'"'s, numaweave installed there)'

## Against a kernel tree

modules: ## the modules for the kernel tree KDIR (default)
	@scripts/check-kdir '$(KDIR)'
	$(MAKE) -C '$(KDIR)' M='$(CURDIR)' modules

modules_install: ## install the modules for the kernel of KDIR
	@scripts/check-kdir '$(KDIR)'
	$(MAKE) -C '$(KDIR)' M='$(CURDIR)' modules_install

rust-analyzer: ## rust-project.json for editors
	@scripts/check-kdir '$(KDIR)'
	$(MAKE) -C '$(KDIR)' M='$(CURDIR)' rust-analyzer

# Kbuild's own clean would search all of M, and so delete the objects, libraries
# and modules of the build root and the kernels.
OBJECTS := -name '*.o' -o -name '*.ko' -o -name '*.mod' -o -name '*.mod.c' -o -name '.*.cmd' \
	-o -name '.*.d' -o -name modules.order -o -name Module.symvers -o -name bindings_generated.rs

clean: ## remove what the builds made, but not the build root and kernels
	@find . \( -path ./build -o -path ./target -o -path ./.git \) -prune -o -type f \( $(OBJECTS) \) -exec rm -f {} +
	rm -rf build/modules build/target build/logs build/pycache target rust-project.json

distclean: clean ## remove build/ as well
	rm -rf --one-file-system build

## In the build root and in guests

# stock-7.2 and stock-7.3 are unmodified kernels of Debian's, with numaweave installed
# from its package; others are built here.
STOCK := $(filter stock-%,$(KERNEL))

setup: buildroot ## make the build root and the kernel, as far as they are missing
	@$(if $(STOCK),scripts/stock $(STOCK:stock-%=%),scripts/kernel $(KERNEL))

buildroot: ## make the build root alone
	@scripts/buildroot

deb: buildroot ## the Debian packages, in build/deb
	@scripts/deb

stock: buildroot ## a Debian with kernels of backports and the packages installed
	@scripts/stock

test-module: setup ## the modules for the kernel that the guests run
	@$(if $(STOCK),true,scripts/kernel-make $(KERNEL) -s -j"$$(nproc)" M='$(CURDIR)' MO='$(CURDIR)/build/modules/$(KERNEL)' NUMAWEAVE_BENCH=m NUMAWEAVE_TESTS=m $(if $(V),V=$(V)) modules)

programs: setup ## numaweave-guest and numaweave-plan, static
	@$(IN_ROOT) env RUSTFLAGS='-C target-feature=+crt-static' cargo build --quiet --locked --release \
		--target $(TARGET) --bin numaweave-guest --bin numaweave-plan

run: test-module programs ## see numaweave at work on a guest with TOPOLOGY
	@$(VM) -- numaweave-guest demo

shell: test-module programs ## a shell in a guest with TOPOLOGY
	@$(VM)

exec: test-module programs ## run CMD in a guest with TOPOLOGY
	@[ -n "$$CMD" ] || { echo "make exec: say what to run with CMD='...'" >&2; exit 2; }
	@$(VM) -- sh -c "$$CMD"

bench: test-module programs ## measure mainline and numaweave side by side, check the claims
	@bench/run $(BENCH)

torture: test-module programs ## disturb numaweave in every way for an hour (TORTURE: see tests/torture/run --help)
	@$(MAKE) KERNEL=debug test-module
	@tests/torture/run $(TORTURE)

test: setup ## the tests, or those that ONLY names
	@tests/run $(if $(ONLY),--only '$(ONLY)')

test-all: setup ## these, and suites on the checking kernels (hours)
	@tests/run --all

fuzz: buildroot ## look for inputs that break the pure code, with FUZZ as options of fuzz/run
	@fuzz/run $(FUZZ)

lint: test-module ## all checks of the source
	@$(IN_ROOT) scripts/lint

fmt: setup ## format Rust and Python
	@$(IN_ROOT) scripts/lint --fix

.PHONY: help modules modules_install rust-analyzer clean distclean setup buildroot deb stock \
	test-module programs run shell exec bench fuzz torture test test-all lint fmt
