# SPDX-License-Identifier: GPL-2.0
#
# Thin front end. The module is built by Kbuild as any out-of-tree module; all
# that needs the lab (a Debian root, kernels, QEMU) is behind one script.

KDIR ?= /lib/modules/$(shell uname -r)/build
LANE ?=
T ?= *

OUT := $(CURDIR)/build/module
RUN := selftests/lab/run.sh

modules:
	$(if $(wildcard $(KDIR)/Makefile),,$(error $(KDIR) is no kernel build tree: \
		name one that has Rust with make KDIR=..., or let the lab make its own with make demo))
	@mkdir -p $(OUT)
	$(MAKE) -C $(KDIR) M=$(CURDIR) MO=$(OUT) modules

# Builds nothing: root's rustc need not be the one that the module was built with.
modules_install:
	$(MAKE) -C $(KDIR) M=$(CURDIR) MO=$(OUT) modules_install

clean:
	rm -rf build

demo:
	@$(RUN) demo $(LANE)

hosts:
	@$(RUN) hosts

soak:
	@$(RUN) soak $(LANE)

walk:
	@$(RUN) walk $(LANE)

campaign:
	@$(RUN) campaign

# The cargo tests and the fuzz targets have no lane and no glob: they run with the
# whole suite only.
test:
	@$(RUN) test $(if $(filter-out *,$(T)),,-c) -t '$(T)' $(LANE)

conformance:
	@$(RUN) conformance -t '$(T)' '$(PROVIDER)' $(LANE)

shell:
	@$(RUN) shell $(LANE)

codec-test:
	@$(RUN) cargo-test

fuzz:
	@$(RUN) fuzz $(FUZZ_TARGET)

bench:
	@$(RUN) bench $(LANE)

docs:
	@$(RUN) docs

generate:
	@$(RUN) generate

vmfctl:
	@$(RUN) vmfctl

packages:
	@$(RUN) packages

lint:
	@$(RUN) lint

kernels:
	@$(RUN) prepare $(LANE)

lab:
	@$(RUN) root

define HELP
From nothing to a migrated VF, and to the proof that it works:
  make demo          lab, module, a guest with a VF; live migration, a report
                       LANE=debian             no kernel to build, and no DMA logging
                       LANE=full               (default: full if its kernel is there)
  make hosts         two hosts and a switch: a guest goes every way between them, and to
                     a host without the NIC, and is refused by one of another
                     emulated machine; the tables are in build/hosts/
  make soak          1000 migrations, and what they leave behind; build/soak.json
                       SOAK_MIGRATIONS=N       so many
  make walk          random steps of all kinds, with faults; build/walk.json
                       VMF_STEPS=50000         so many
                       VMF_SEED=N              from here (default: any, and printed)
                       LANE=full               (default: debug, which can make faults)
  make campaign      hours: the whole suite in lane debug, faults counted, a long soak, a
                     long walk; build/campaign/report.txt and report.json. A second run
                     goes on where the first was ended, also in another clone of the same
                     files: what has come to its end is in the cache, in campaign/
                       CAMPAIGN_MIGRATIONS=10000   in pieces of 1000
                       CAMPAIGN_STEPS=1000000      in pieces of 50000
                       CAMPAIGN_SEED=N         of the first piece, the next has N + 1 (default:
                                               any, and kept)
  make test          the whole suite in QEMU; last line: N passed, N failed, N skipped
                       LANE=debian|full|debug  only this lane (default: debian full)
                       T=GLOB                  only these test programs
  make conformance   what every provider of the profile has to do, also on yours: see
                     Documentation/driver-api/conformance.rst
                       PROVIDER=hardware|software  (LANE=, T= as above)

The modules, for a kernel of yours:
  make               build against KDIR, into build/module/
  make modules_install, make clean
  make packages      Debian packages in build/packages: modules for Debian's kernel, their
                       source for DKMS, vmfctl; installed in a fresh host and purged

While you work:
  make shell         a shell in the test host, module loaded, VFs bound (LANE=)
  make lint          formatting, clippy, checkpatch, shellcheck, stale generated files;
                       silent when clean
  make codec-test    cargo tests of the crates: codec, model, generator, tool
  make fuzz          fuzz codec and model (FUZZ_SECONDS=60 in all, FUZZ_TARGET=NAME)
  make bench         codec against memcpy; downtime against hot-unplug and virtio-net, data
                     path, save and load, DMA logging; build/bench.json
                       BENCH='-t downtime'     one part: downtime, datapath, software, hosts
                       BENCH='-t datapath -c'  a control: how far apart two equals are
  make generate      what follows from Documentation/registry
  make docs          HTML in build/docs/html
  make vmfctl        the tool: build/vmfctl, its manual, completions
  make kernels       prepare root and kernels only (LANE=); make lab: root only
  selftests/lab/run.sh help   more: one test, a command in the lab root, paths

The lanes:
  debian   the unmodified Debian kernel
  full     the same source with IOMMUFD, VFIO debugfs, the sample mtty, KUnit
  debug    full with KASAN, lockdep, kmemleak, fault injection

Variables (make NAME=value, or in the environment):
  KDIR       kernel to build the module against   $(KDIR)
  VMF_CACHE  where root and kernels are kept      $${XDG_CACHE_HOME:-~/.cache}/vmf
  VMF_MIRROR a Debian mirror                      mmdebstrap's default
  VMF_JOBS   parallel compiler runs               all CPUs
  VMF_GUESTS test hosts that run at once          one for each CPU, if memory allows

What the lab needs: Linux on x86-64, root or user namespaces, 8 GB of disk, the
network on the first run. What it installs on the host: mmdebstrap, if missing.
endef
export HELP

help:
	@echo "$$HELP"

.PHONY: modules modules_install clean demo hosts soak walk campaign test conformance shell codec-test fuzz bench docs generate \
	vmfctl packages lint kernels lab help
