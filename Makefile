# Mailmirror: `make help` lists what there is.
PREFIX ?= $(HOME)/.local
SOAK_MINUTES ?= 20
SWIFT ?= swift
UNITS = mailmirror.service mailmirror.socket
MANUAL = share/man/man1/mailmirror.1
BASH_COMPLETION = share/bash-completion/completions/mailmirror
ZSH_COMPLETION = share/zsh/site-functions/_mailmirror
FISH_COMPLETION = share/fish/vendor_completions.d/mailmirror.fish
# What install takes; set it to install what is built already, and nothing is built.
PROGRAM ?= .build/release/mailmirror
RELEASE = $(SWIFT) build -c release --product mailmirror

.DEFAULT_GOAL := help
.PHONY: help deps build demo test soak bench fuzz install install-files uninstall

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
	@scripts/other-servers
	@scripts/test

soak: ## every test at full length, each kind of random one for SOAK_MINUTES
	@scripts/deps build test
	@scripts/other-servers
	@MAILMIRROR_FULL=1 SOAK_MINUTES=$(SOAK_MINUTES) scripts/test

bench: ## measurements beside mbsync, mpop, fetchmail and getmail
	@scripts/deps build bench
	@$(MAKE) --no-print-directory build
	@scripts/bench

fuzz: ## throw random input at the grammar
	@scripts/deps build
	@scripts/fuzz

install: $(if $(filter .build/release/mailmirror,$(PROGRAM)),build) ## put the program, its units, manual page and completions under PREFIX (~/.local)
	@$(MAKE) --no-print-directory install-files
	@test -n "$(DESTDIR)" || echo "make: installed; to run it as a service: systemctl --user daemon-reload && systemctl --user enable --now mailmirror.service"

install-files:
	scripts/pages "$(PROGRAM)" .build/pages "$(PREFIX)"
	install -D -m 755 "$(PROGRAM)" "$(DESTDIR)$(PREFIX)/bin/mailmirror"
	for unit in $(UNITS); do mkdir -p "$(DESTDIR)$(PREFIX)/share/systemd/user"; \
	  sed 's#%h/.local/bin#$(PREFIX)/bin#' systemd/$$unit > "$(DESTDIR)$(PREFIX)/share/systemd/user/$$unit"; done
	install -D -m 644 .build/pages/mailmirror.1 "$(DESTDIR)$(PREFIX)/$(MANUAL)"
	install -D -m 644 .build/pages/mailmirror.bash "$(DESTDIR)$(PREFIX)/$(BASH_COMPLETION)"
	install -D -m 644 .build/pages/_mailmirror "$(DESTDIR)$(PREFIX)/$(ZSH_COMPLETION)"
	install -D -m 644 .build/pages/mailmirror.fish "$(DESTDIR)$(PREFIX)/$(FISH_COMPLETION)"
	install -D -m 644 config.example.toml "$(DESTDIR)$(PREFIX)/share/doc/mailmirror/config.example.toml"

uninstall: ## take away what install put there
	rm -f "$(DESTDIR)$(PREFIX)/bin/mailmirror"
	for file in $(addprefix share/systemd/user/,$(UNITS)) $(MANUAL) $(BASH_COMPLETION) $(ZSH_COMPLETION) \
	  $(FISH_COMPLETION); do rm -f "$(DESTDIR)$(PREFIX)/$$file"; done
	rm -rf "$(DESTDIR)$(PREFIX)/share/doc/mailmirror"
