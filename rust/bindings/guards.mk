# SPDX-License-Identifier: GPL-2.0
#
# What the kernel must offer, each with a message that says what to do.

ifndef CONFIG_RUST
$(error This kernel has no Rust support: build or choose one with CONFIG_RUST=y, and point KDIR at its build tree)
endif

ifeq ($(wildcard $(objtree)/rust/libkernel.rmeta),)
$(error No Rust metadata in $(abspath $(objtree)): run `make prepare modules_prepare` there with the toolchain of that kernel (make kernels does it for the lab))
endif

ifndef CONFIG_VFIO_PCI_CORE
$(error This kernel has no vfio-pci core: CONFIG_VFIO_PCI_CORE must be y or m)
endif

ifneq ($(CONFIG_PAGE_SHIFT),12)
$(error Pages of 4 KiB only: the pages of a device that user space may map are smaller than those of this kernel)
endif

# A page that is device or memory by turns relies on stores of the guest, to what it maps uncached,
# being seen by the kernel, which maps the memory cached; and on loads in order.
ifndef CONFIG_X86_64
$(error x86-64 only: on other architectures it was not looked at yet how a guest's stores to memory in place of a BAR arrive)
endif

# Selected by KVM on x86, and by vhost.
ifeq ($(CONFIG_IOMMUFD_DRIVER)-$(CONFIG_VHOST_TASK),y-)
$(error CONFIG_VHOST_TASK is missing, which watches a guest while DMA is logged: select CONFIG_KVM or CONFIG_VHOST)
endif

# migration_set_state() takes an enum by value through a pointer; bindgen's
# c_uint has another CFI type id, and the attribute that mends it may not be
# used outside rust/ in the kernel tree.
ifdef CONFIG_CFI
$(error CONFIG_CFI=y is not supported yet: the type id of migration_set_state() would not match)
endif

vmf-unquote = $(subst ",,$(1))

vmf-rustc-is := $(subst $(pound),,$(shell $(RUSTC) --version 2>/dev/null))
ifneq ($(vmf-rustc-is),$(call vmf-unquote,$(CONFIG_RUSTC_VERSION_TEXT)))
$(error The kernel was built with "$(call vmf-unquote,$(CONFIG_RUSTC_VERSION_TEXT))", RUSTC=$(RUSTC) is "$(vmf-rustc-is)": Rust metadata is only valid for the very same compiler)
endif

vmf-bindgen-is := $(shell $(BINDGEN) --version workaround-for-0.69.0 2>/dev/null)
ifneq ($(vmf-bindgen-is),$(call vmf-unquote,$(CONFIG_BINDGEN_VERSION_TEXT)))
$(error The kernel was built with "$(call vmf-unquote,$(CONFIG_BINDGEN_VERSION_TEXT))", BINDGEN=$(BINDGEN) is "$(vmf-bindgen-is)": types of both binding sets must agree)
endif
