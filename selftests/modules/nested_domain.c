// SPDX-License-Identifier: GPL-2.0-only
/*
 * Has the driver under test find its devices in a nested domain, the page table of a
 * guest on top of that of the host, which no IOMMU of the lab can make.
 */
#include <linux/iommu.h>
#include <linux/kallsyms.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/string.h>

#define CALLER	"[igbvf_vfio_pci]"

static bool on;
module_param(on, bool, 0644);
MODULE_PARM_DESC(on, "Domains of 82576 VFs are nested");

static unsigned int nested;
module_param(nested, uint, 0444);
MODULE_PARM_DESC(nested, "How often the driver was told so");

/* Nobody but who asked for it looks at more than its type. */
static struct iommu_domain domain;

static int on_entry(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct device *dev = (struct device *)regs_get_kernel_argument(regs, 0);
	struct pci_dev *pdev;

	if (!READ_ONCE(on) || !dev || !dev_is_pci(dev))
		return 1;
	pdev = to_pci_dev(dev);
	return pdev->vendor != PCI_VENDOR_ID_INTEL || pdev->device != 0x10ca;
}
NOKPROBE_SYMBOL(on_entry);

static int on_return(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct iommu_domain *real = (struct iommu_domain *)regs_return_value(regs);
	char caller[KSYM_SYMBOL_LEN];

	/* The kernel's own callers go on to use it. */
	sprint_symbol(caller, get_kretprobe_retaddr(instance));
	if (!real || !strstr(caller, CALLER))
		return 0;
	domain = *real;
	domain.type = IOMMU_DOMAIN_NESTED;
	WRITE_ONCE(nested, nested + 1);
	regs_set_return_value(regs, (unsigned long)&domain);
	return 0;
}
NOKPROBE_SYMBOL(on_return);

static struct kretprobe probe = {
	.kp.symbol_name = "iommu_get_domain_for_dev",
	.entry_handler = on_entry,
	.handler = on_return,
};

static int __init nested_domain_init(void)
{
	return register_kretprobe(&probe);
}

static void __exit nested_domain_exit(void)
{
	unregister_kretprobe(&probe);
}

module_init(nested_domain_init);
module_exit(nested_domain_exit);
MODULE_DESCRIPTION("Nested domains for the igbvf_vfio_pci driver");
MODULE_LICENSE("GPL");
