# SPDX-License-Identifier: GPL-2.0
#
# bindgen over the bindings_helper.h of a crate, as the kernel's rust/Makefile does it. Layout
# assertions stay on: a kernel configured otherwise than its metadata fails to
# build here instead of corrupting memory later.

ifdef CONFIG_CC_IS_CLANG
vmf-bindgen-cflags = $(c_flags)
else
# Flags that gcc has and libclang does not: the list of the kernel's
# rust/Makefile.
vmf-bindgen-skip := -mno-fp-ret-in-387 -mpreferred-stack-boundary=% \
	-mskip-rax-setup -mgeneral-regs-only -msign-return-address=% \
	-mindirect-branch=thunk-extern -mindirect-branch-register \
	-mfunction-return=thunk-extern -mrecord-mcount -mabi=lp64 \
	-mindirect-branch-cs-prefix -mstack-protector-guard% -mtraceback=no \
	-mno-pointers-to-nested-functions -mno-string \
	-mno-strict-align -mstrict-align -mdirect-extern-access \
	-mexplicit-relocs -mno-check-zero-division \
	-fconserve-stack -falign-jumps=% -falign-loops=% \
	-femit-struct-debug-baseonly -fno-ipa-cp-clone -fno-ipa-sra \
	-fno-partial-inlining -fplugin-arg-arm_ssp_per_task_plugin-% \
	-fno-reorder-blocks -fno-allow-store-data-races -fasan-shadow-offset=% \
	-fzero-call-used-regs=% -fno-stack-clash-protection \
	-fno-inline-functions-called-once -fsanitize=bounds-strict \
	-fstrict-flex-arrays=% -fmin-function-alignment=% \
	-fzero-init-padding-bits=% -mno-fdpic \
	-fdiagnostics-show-context -fdiagnostics-show-context=% \
	--param=% --param asan-% -fno-isolate-erroneous-paths-dereference \
	-ffixed-r2 -mmultiple -mno-readonly-in-sdata
vmf-bindgen-extra := -w --target=x86_64-linux-gnu
vmf-bindgen-cflags = $(filter-out $(vmf-bindgen-skip),$(c_flags)) \
	$(vmf-bindgen-extra)
endif

vmf-bindgen-parameters = $(shell grep -Ev '^\#|^$$' $(srctree)/rust/bindgen_parameters $(1) -h)

# The rest of the flags are those of `cmd_bindgen` in the kernel's rust/Makefile.
quiet_cmd_vmf_bindgen = BINDGEN $@
      cmd_vmf_bindgen = \
	$(BINDGEN) $< $(call vmf-bindgen-parameters,$(dir $<)bindgen_parameters) \
		--rust-target 1.85 --use-core --with-derive-default \
		--ctypes-prefix ffi --no-debug '.*' \
		--enable-function-attribute-detection -o $@ -- \
		$(vmf-bindgen-cflags) -fno-builtin -D__BINDGEN__ -DMODULE

$(obj)/rust/bindings/vfio_bindings.rs: $(src)/rust/bindings/bindings_helper.h \
    $(src)/rust/bindings/bindgen_parameters FORCE
	$(call if_changed_dep,vmf_bindgen)

$(obj)/rust/mdev/mdev_bindings.rs: $(src)/rust/mdev/bindings_helper.h \
    $(src)/rust/mdev/bindgen_parameters FORCE
	$(call if_changed_dep,vmf_bindgen)

$(obj)/rust/tap/tap_bindings.rs: $(src)/rust/tap/bindings_helper.h \
    $(src)/rust/tap/bindgen_parameters FORCE
	$(call if_changed_dep,vmf_bindgen)

targets += rust/bindings/vfio_bindings.rs rust/mdev/mdev_bindings.rs rust/tap/tap_bindings.rs
