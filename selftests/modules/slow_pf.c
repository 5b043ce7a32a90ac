// SPDX-License-Identifier: GPL-2.0-only
/*
 * A PF that takes its time: it has read a message and said so, and answers late. Real
 * ones do when their host is itself a machine that others preempt.
 */
#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/kprobes.h>
#include <linux/minmax.h>
#include <linux/module.h>

/* igb answers in its interrupt handler: no watchdog may take it for dead. */
#define DELAY_MAX_MS	2000u

static unsigned int delay_ms;
module_param(delay_ms, uint, 0644);
MODULE_PARM_DESC(delay_ms, "How late igb is when it next writes to a VF, at most 2000");

static unsigned int delayed;
module_param(delayed, uint, 0444);
MODULE_PARM_DESC(delayed, "How often it was late");

static int before_write(struct kprobe *probe, struct pt_regs *regs)
{
	unsigned int delay = min(xchg(&delay_ms, 0), DELAY_MAX_MS);

	if (delay) {
		WRITE_ONCE(delayed, delayed + 1);
		mdelay(delay);
	}
	return 0;
}
NOKPROBE_SYMBOL(before_write);

static struct kprobe probe = {
	.symbol_name = "igb_write_mbx",
	.pre_handler = before_write,
};

static int __init slow_pf_init(void)
{
	return register_kprobe(&probe);
}

static void __exit slow_pf_exit(void)
{
	unregister_kprobe(&probe);
}

module_init(slow_pf_init);
module_exit(slow_pf_exit);
MODULE_DESCRIPTION("Late answers of the igb PF to its VFs");
MODULE_LICENSE("GPL");
