# Mailmirror: `make help` lists what there is.
PREFIX ?= $(HOME)/.local
SOAK_MINUTES ?= 30
SWIFT ?= swift
UNITS = $(wildcard systemd/*.service systemd/*.socket systemd/*.timer)
RELEASE = $(SWIFT) build -c release --product mailmirror

.DEFAULT_GOAL := help
.PHONY: help deps build demo test soak bench fuzz install uninstall

help: ## this list
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

deps: ## install the Debian packages that are missing (says which; sudo only when not root)
	@scripts/deps build test

build: ## the release program, .build/release/mailmirror
	@scripts/deps build
	@$(RELEASE) --static-swift-stdlib || { echo "make: linking Swift's libraries statically failed; linking them dynamically"; $(RELEASE); }

demo: ## a private mail server with sample mail, mirrored before your eyes into ./demo
	@scripts/deps build demo
	@$(MAKE) --no-print-directory build
	@scripts/demo

test: ## every test, the long ones in a short form
	@scripts/deps build test
	@scripts/test

soak: ## every test at full length, then random kills for SOAK_MINUTES
	@scripts/deps build test
	@MAILMIRROR_FULL=1 SOAK_MINUTES=$(SOAK_MINUTES) scripts/test

bench: ## measurements beside mbsync
	@scripts/deps build bench
	@$(MAKE) --no-print-directory build
	@scripts/bench

fuzz: ## throw random input at the grammar
	@scripts/deps build
	@scripts/fuzz

install: build ## put the program and its units under PREFIX (~/.local)
	install -D -m 755 .build/release/mailmirror "$(DESTDIR)$(PREFIX)/bin/mailmirror"
	for unit in $(UNITS); do mkdir -p "$(DESTDIR)$(PREFIX)/share/systemd/user"; \
	  sed 's#%h/.local/bin#$(PREFIX)/bin#' $$unit > "$(DESTDIR)$(PREFIX)/share/systemd/user/$$(basename $$unit)"; done
	install -D -m 644 config.example.toml "$(DESTDIR)$(PREFIX)/share/doc/mailmirror/config.example.toml"

uninstall: ## take away what install put there
	rm -f "$(DESTDIR)$(PREFIX)/bin/mailmirror"
	for unit in $(UNITS); do \
	  rm -f "$(DESTDIR)$(PREFIX)/share/systemd/user/$$(basename $$unit)"; done
	rm -rf "$(DESTDIR)$(PREFIX)/share/doc/mailmirror"
