# Every target says on its own line what it does and how long it takes, on two cores
# with a warm build cache and without cached test results; `make` prints that list.

FUZZTIME ?= 30s
SIM_MINUTES ?= 10
SIM_BASE    ?= $(shell date +%s)
SERVERS  ?= 127.0.0.1:8400,127.0.0.1:8410,127.0.0.1:8420

# What owns goroutines. Package raft has none, and a test there proves it.
CONCURRENT = ./raft/node/... ./raft/wal/... ./kv/... ./discovery/... ./rpc/... ./cmd/...

# The tests that need strace.
ON_STRACE = EverySetIsOnDisk|CrashPoint|CrashWhile|PowerCut|KilledAtTheirSyncs|FailedWriteOfTheLog|StuckDiskOfALeader|SlowDisksOnly

# With DIR=/some/disk, every comparison in bench keeps its servers' data there.
ON_DISK = $(if $(DIR),-dir $(abspath $(DIR)))

# The linters and the protobuf compiler are pinned in their own module, so that
# a program that imports kvorum does not depend on them.
STATICCHECK = go tool -modfile=$(CURDIR)/tools/go.mod staticcheck

.PHONY: help build lab run test screenshots race durability corruption sweep snapshots lint proto linearizability sim sim-wasm mutants fuzz bench bench-quick bench-disk bench-failover bench-growth bench-lab load clean

help: ## this list (at once)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

build: ## bin/kvorum, bin/kvctl, bin/kvbench, bin/raftlab with the lab's page (20 s, 5 s if little has changed)
	go run ./cmd/raftlab engine
	go build -o bin/ ./cmd/...

lab: build ## watch, rewind and break the real Raft in a browser, at http://127.0.0.1:8480 (until Ctrl-C)
	bin/raftlab serve

run: build ## three servers on this machine, data in ./kvorum-demo (until Ctrl-C)
	bin/kvorum demo

test: ## every test (just under 5 min; those of the pages need Chromium)
	go test ./...
	cd bench && go test ./...
	@{ command -v chromium || command -v chromium-browser || command -v google-chrome; } >/dev/null || echo "left out: the tests of the lab and the dashboard in a browser, which need Chromium (apt-get install chromium)"
	cd browser && go test -timeout 20m ./...

screenshots: ## take the pictures in README.md and TOUR.md anew (needs Chromium; 1 min)
	cd browser && go test -count=1 -run Screenshots -v . -screenshots

race: ## the tests of everything with goroutines, under the race detector (90 s)
	go test -race $(CONCURRENT)

durability: ## watch, kill and cut the power of real servers, and fail their disks (needs strace; 40 s)
	go test -count=1 -tags strace -run '$(ON_STRACE)' -v ./cmd/kvorum

sweep: ## the same, killed at every one of 400 system calls instead of some (needs strace; 2.5 min)
	go test -count=1 -tags strace -run '$(ON_STRACE)' -v ./cmd/kvorum -sweep 100

corruption: ## damage every part of a server's folder, and cut the power before every call: nothing wrong is ever read (3 min)
	go test -count=1 -v -timeout 30m -run 'TestDamageIsNoticedOrHarmless|TestACrashAtAnyPoint' ./raft/wal -corruption.full

snapshots: ## send a state of 1 GiB in little memory, and 2 MiB over a line of 256 kbit/s that heartbeats need, too (Linux, root; 3 min)
	go test -count=1 -v -timeout 30m -run 'LargeState|SlowLink|UnpacedSnapshot' ./linearizability -slow

lint: ## gofmt, vet, staticcheck; go.mod, generated code and text are clean (20 s)
	@files=$$(gofmt -l .) && test -z "$$files" || { echo "not formatted, run gofmt -w on:" $$files; exit 1; }
	go vet ./...
	go vet -tags strace ./cmd/kvorum
	$(STATICCHECK) -tags strace ./...
	go mod tidy -diff
	cd bench && go vet ./... && $(STATICCHECK) ./... && go mod tidy -diff
	cd browser && go vet ./... && $(STATICCHECK) ./... && go mod tidy -diff
	proto/generate.sh --check
	@! git grep -nIE '(^|[^[:alnum:]_.])/(work|root|home)/' || { echo "a path of somebody's machine, above"; exit 1; }

proto: ## regenerate the Go code of the .proto files (1 s)
	proto/generate.sh

linearizability: ## clients against real servers that are killed, paused and cut off: 20 seeds of each (8 min)
	go test -count=1 -v -timeout 60m ./linearizability -histories 20

sim: ## simulated clusters under faults, SIM_MINUTES of processor time from seed SIM_BASE on (10; 5 min)
	go test -count=1 -v -timeout 4h -run 'TestSeeds$$' ./raft/sim -minutes $(SIM_MINUTES) -base $(SIM_BASE)

sim-wasm: ## a seed is the same run when compiled to WebAssembly (needs Node.js; 10 s)
	raft/sim/wasm.sh

mutants: ## break one rule at a time, 66 of them: every time a test must notice (2 min)
	go run ./cmd/raftlab mutants --all

fuzz: ## each of the 8 fuzz targets in turn for FUZZTIME, 30s unless set (5 min)
	@go vet ./... # a package that does not build would seem to have no targets
	@go list ./... | while read -r package; do \
		for target in $$(go test -list '^Fuzz' "$$package" | grep '^Fuzz'); do \
			echo "$$package $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$package" || exit 1; \
		done; \
	done

bench: build ## compare with etcd, hashicorp/raft and a bare gRPC echo: tables, ratios, plots in bench/results; DIR=/some/disk: data there (5 min)
	cd bench && go run . -kvorum ../bin/kvorum $(ON_DISK) -report results

bench-quick: build ## the same, only what the ratios need (80 s)
	cd bench && go run . -kvorum ../bin/kvorum $(ON_DISK) -quick -turns 2

bench-disk: ## appends against a bare write and fdatasync; starts on 1 GiB of log and on a million keys; sets during a snapshot (90 s)
	go test -run '^$$' -bench 'Save|Recovery' ./raft/wal
	go test -run '^$$' -bench SetsDuringASnapshot -benchtime 3x ./rpc

bench-failover: build ## how long no write succeeds when the leader is killed, paused or cut off (root), or all restart: kvorum, etcd (5 min)
	cd bench && go run . -kvorum ../bin/kvorum $(ON_DISK) -failover

bench-growth: build ## how cost grows with servers, keys, values, sessions, watchers and lag: tables, charts in bench/results/growth (9 min)
	cd bench && go run . -kvorum ../bin/kvorum $(ON_DISK) -growth all -report results/growth

bench-lab: ## how soon the lab's page is there and how many frames a second it draws, beside an empty page (needs Chromium; 90 s)
	cd browser && go test -run '^$$' -bench . -benchtime 3x .

load: build ## load the cluster that `make run` has started (40 s)
	bin/kvbench --servers $(SERVERS) --workload set --clients 1,16,64,256
	bin/kvbench --servers $(SERVERS) --workload get --clients 1,16,64,256

clean: ## remove what was built; the data folders stay (at once)
	rm -rf bin lab/engine/built/lab.wasm.zst lab/engine/built/wasm_exec.js
