# The face of meson and ninja. `make run` and `make test` do all the set-up.
PREFIX ?= /usr/local
.PHONY: all run test test-long bench bench-peers fuzz install clean deps meet

all: build

deps:
	@tools/deps.sh build run

.PHONY: build
build: deps
	@[ -f build/build.ninja ] || meson setup build >/dev/null
	@ninja -C build --quiet

# The meeting page: exactly what the lock file says, no install scripts.
meet: deps
	@tools/build-meet.sh

run: build meet
	@packaging/run.sh

test:
	@tools/deps.sh build run test
	@rm -rf out/test && mkdir -p out/test
	@tools/rights.sh
	@tools/build-meet.sh
	@python3 tools/run_tests.py

test-long:
	@tools/deps.sh build run test
	@mkdir -p out/test
	@tools/rights.sh
	@tools/build-meet.sh
	@python3 tools/run_tests.py --long
	@tools/fuzz.sh 600
	@tools/fuzz.sh 3600 script route policy_answer

bench: build meet
	@tools/deps.sh bench
	@tools/bench.sh

# Real peers on loopback, for ratios; after `make bench`.
bench-peers:
	@tools/deps.sh bench
	@python3 tests/bench/janus.py

# Seconds for each target: make fuzz SECONDS_EACH=60
fuzz:
	@tools/deps.sh build test
	@tools/fuzz.sh $(or $(SECONDS_EACH),30)

install: build meet
	@DESTDIR=$(DESTDIR) meson install -C build --no-rebuild --quiet

clean:
	rm -rf build build-asan build-fuzz out
