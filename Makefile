# What people do with this project. `make help` lists it.
.DEFAULT_GOAL := help
.PHONY: install-supabase install-clients install-page run demo program import reembed test sim cloud chaos check bench route-eval learn estimates coverage fmt setup deploy rollout rollback vectors-status smoke token help

CARGO ?= cargo
HOST = $(shell rustc --print host-tuple)
# Programs that need no library, and whose addresses take less room: as in functions/Dockerfile.
STATIC = -Ctarget-feature=+crt-static -Clink-arg=-Wl,-z,pack-relative-relocs
PROGRAM = target/program/$(HOST)/program/local

run: ## Start everything on http://127.0.0.1:8080 over one SQLite file in ./.data
	@$(CARGO) run --quiet --package local --no-default-features --bin local

demo: ## Run a whole analysis and print its progress, cost and report (BRIEF=file.json for your own)
	@$(CARGO) run --quiet --package local --bin demo -- $(BRIEF)

import: ## Move vectors over from Chroma or JSONL into ./.data (FROM=directory|file.jsonl BUSINESS=… ARGS="--dry-run")
	@$(CARGO) run --quiet --package local --bin import -- --from "$(FROM)" --business "$(BUSINESS)" $(ARGS)

reembed: ## Move a business's vectors in ./.data to another embedding model (BUSINESS=… MODEL=… ARGS="--dry-run")
	@$(CARGO) run --quiet --package local --bin import -- reembed --business "$(BUSINESS)" --embedding-model "$(MODEL)" $(ARGS)

# What the tests of the Supabase adapter start besides PostgreSQL; installed again when the lock file changes.
STAND_IN := common/supabase/tests/node
$(STAND_IN)/node_modules/.package-lock.json: $(STAND_IN)/package-lock.json
	npm ci --prefix $(STAND_IN) --no-audit --no-fund
	@touch $@

# OpenAI's own clients, which are tried on our surface.
CLIENTS := tests/clients
$(CLIENTS)/node_modules/.package-lock.json: $(CLIENTS)/package-lock.json
	npm ci --prefix $(CLIENTS) --no-audit --no-fund
	@touch $@
$(CLIENTS)/python/.installed: $(CLIENTS)/requirements.txt
	python3 -m pip install --quiet --upgrade --target $(CLIENTS)/python --requirement $<
	@touch $@
# What drives the browser that the page is tried in.
PAGE := tests/page
$(PAGE)/node_modules/.package-lock.json: $(PAGE)/package-lock.json
	npm ci --prefix $(PAGE) --no-audit --no-fund
	@touch $@
# What tests/run.sh installs for the suites that need it.
install-supabase: $(STAND_IN)/node_modules/.package-lock.json
install-clients: $(CLIENTS)/node_modules/.package-lock.json $(CLIENTS)/python/.installed
install-page: $(PAGE)/node_modules/.package-lock.json

test: ## Run every suite whose tools are here, and say what was left out (REQUIRE=all: nothing may be)
	@CARGO="$(CARGO)" tests/run.sh

cloud: ## Start every function as a process on Google's emulators, run two analyses, and leave it up for a look
	$(CARGO) build --workspace --bins --tests --profile tests
	CLOUD_STAYS_UP=1 tests/with-emulators.sh \
		$(CARGO) nextest run --cargo-profile tests --package it --no-capture -E 'test(=cloud::analysis::two_businesses_run_whole_analyses_at_once)'

chaos: ## Run fifty analyses while processes are killed, the store stands still and the provider fails (five minutes)
	$(CARGO) build --workspace --bins --tests --profile tests
	CHAOS_ANALYSES=$${CHAOS_ANALYSES:-50} CHAOS_SECONDS=$${CHAOS_SECONDS:-300} tests/with-emulators.sh \
		$(CARGO) nextest run --cargo-profile tests --package it --no-capture -E 'test(/^cloud::chaos::/)'

sim: ## Simulate the paid path under many seeds (SEEDS=0..1000000); a seed that goes wrong prints its trace
	@$(CARGO) run --quiet --package sim --profile tests -- run $(if $(SEEDS),--seeds $(SEEDS))

check: ## Formatting, lints, documentation, dependencies, Terraform's formatting
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --profile tests -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --document-private-items --profile tests
	@if $(CARGO) machete --version >/dev/null 2>&1; then $(CARGO) machete; \
	else echo "check: unused dependencies were not looked for: cargo install cargo-machete --locked" >&2; \
		test -z "$$CI"; fi
	@if ! $(CARGO) deny --version >/dev/null 2>&1; then \
		echo "check: dependencies were not judged: cargo install cargo-deny --locked" >&2; \
		test -z "$$CI"; \
	elif ! $(CARGO) deny check licenses bans sources; then \
		exit 1; \
	elif $(CARGO) deny fetch db >/dev/null 2>&1; then \
		$(CARGO) deny --offline check advisories; \
	else \
		echo "check: advisories were not looked at: their database cannot be fetched" >&2; \
	fi
	@if ! command -v terraform >/dev/null; then \
		echo "check: Terraform was not looked at: it is not installed" >&2; \
	elif ! terraform -chdir=terraform fmt -check -recursive; then \
		exit 1; \
	elif terraform -chdir=terraform init -backend=false -input=false >/dev/null 2>&1; then \
		terraform -chdir=terraform validate; \
	else \
		echo "check: Terraform was not validated: its providers cannot be fetched" >&2; \
	fi

program: ## Everything as one static program in target/program, to be copied to where it should run
	RUSTFLAGS="$(STATIC)" $(CARGO) build --package local --no-default-features --bin local --profile program --target $(HOST) --target-dir target/program
	@echo "$(PROGRAM)"

bench: ## Benchmarks: rules, store, vectors, the program over HTTP, every function's start and memory
	$(CARGO) bench --package domain --bench rules --package embedded --bench store --bench vectors
	$(if $(shell command -v gcloud),tests/with-emulators.sh )$(CARGO) bench --workspace --bench ledger --profile release
	$(CARGO) build --release --package load
	@$(MAKE) --no-print-directory program
	@target/release/load $(PROGRAM)
	@target/release/load gateway $(PROGRAM)
	RUSTFLAGS="$(STATIC)" $(CARGO) build --workspace --exclude sim --exclude lambda --bins --profile image --target $(HOST) \
		--target-dir target/image-bench
	@target/image-bench/$(HOST)/image/load functions target/image-bench/$(HOST)/image

route-eval: ## Where the router sends labelled prompts (FILE=rows.jsonl); without FILE what a routed analysis saves
	@$(CARGO) run --quiet --package route-eval -- $(if $(FILE),eval $(FILE),savings)

learn: ## Re-estimate the quality table from GET /v1/routing/outcomes (FILE=outcomes.jsonl) into tasks.learned.toml, for review
	@$(CARGO) run --quiet --package route-eval -- learn $(FILE)

estimates: ## Run two hundred analyses of random briefs and compare their cost with what was estimated
	ESTIMATED_ANALYSES=200 $(CARGO) test --quiet --package it --test it -- --nocapture analyses_cost_what_was_estimated

coverage: ## Line coverage of the workspace (needs cargo-tarpaulin); tests that start processes are left out of it
	$(CARGO) tarpaulin --workspace --engine llvm --skip-clean --target-dir target/coverage --out Stdout \
		--exclude load --exclude-files 'tests/*' --exclude-files '*/benches/*' \
		-- --skip process:: --skip cloud:: --skip rollout:: --skip every_acknowledged

fmt: ## Format the code
	$(CARGO) fmt --all

setup: ## Once a project: APIs, Terraform's state, image repository, empty secrets (PROJECT=… ENVIRONMENT=staging|prod)
	@terraform/rollout/setup.sh

deploy: ## From the committed sources to traffic (PROJECT=… ENVIRONMENT=staging|prod, TOKEN=… for the whole smoke test)
	@terraform/rollout/deploy.sh

rollout: ## Move a share of all traffic to the newest revisions (PROJECT=… PERCENT=10|50|100)
	@terraform/rollout/rollout.sh

rollback: ## Send all traffic back to the previous revisions (PROJECT=…)
	@terraform/rollout/rollback.sh

vectors-status: ## Where vectors are searched, and whether that is ready (PROJECT=…)
	@terraform/rollout/vectors-status.sh

smoke: ## Try a deployment from the outside (URL=https://… TOKEN=…)
	@terraform/rollout/smoke.sh

token: ## Print a client token, good for an hour, signed with the project's jwt_secret (PROJECT=… BUSINESS=… ROLE=admin)
	@terraform/rollout/token.sh

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'
