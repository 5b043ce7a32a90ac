// SPDX-License-Identifier: GPL-2.0-only
/*
 * One script of accesses to all registers of the contract, and of messages to the PF, on the
 * provider under test and on the function in software. What they show is the same, but for
 * what is on a list, with its reason; and what is on the list does differ.
 */
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "igbvf_device.h"
#include "igbvf_mailbox.h"
#include "igbvf_regs.h"
#include "igbvf_user.h"
#include "mdev.h"
#include "migration.h"
#include "software.h"
#include "vmf_build.h"

#define UUID		"82576000-0000-4000-8000-000000000004"

/* What follows from a write at some time has followed by then. */
#define LATER_US	100000
/* A PF answers who is not served at most every 2 seconds. */
#define REFUSAL_US	2100000

#define ACTS		((u32)(VF_QUEUE_ENABLE | BIT(26)))

/* Registers of the contract; those that act are written by the script itself. */
static const struct reg {
	const char *name;
	u32 offset;
	unsigned int count;
	u32 stride;
	u32 writable;
} regs[] = {
	{ "CTRL", VF_CTRL, 2, 4, 0 },
	{ "STATUS", VF_STATUS, 1, 0, ~0u },
	{ "VMBMEM", VF_MBMEM(0), VF_MBMEM_WORDS, 4, ~0u },
	{ "V2PMAILBOX", VF_MAILBOX, 1, 0, 0 },
	{ "PBACL", 0x0f04, 1, 0, ~0u },
	{ "PSRTYPE", 0x0f0c, 1, 0, ~0u },
	{ "VFGPRC", VF_GPRC, 1, 0, ~0u },
	{ "VFGPTC", VF_GPTC, 1, 0, ~0u },
	{ "VFGORC", VF_GORC, 1, 0, ~0u },
	{ "VFGOTC", VF_GOTC, 1, 0, ~0u },
	{ "VFMPRC", VF_MPRC, 1, 0, ~0u },
	{ "VFGPRLBC", VF_GPRLBC, 1, 0, ~0u },
	{ "VFGPTLBC", VF_GPTLBC, 1, 0, ~0u },
	{ "VFGORLBC", VF_GORLBC, 1, 0, ~0u },
	{ "VFGOTLBC", VF_GOTLBC, 1, 0, ~0u },
	{ "VTEICS", VF_EICS, 1, 0, 0 },
	{ "VTEIMS", VF_EIMS, 1, 0, ~0u },
	{ "VTEIMC", VF_EIMC, 1, 0, 0 },
	{ "VTEIAC", VF_EIAC, 1, 0, ~0u },
	{ "VTEIAM", VF_EIAM, 1, 0, ~0u },
	{ "VTEICR", VF_EICR, 1, 0, ~0u },
	{ "EITR", VF_EITR(0), VF_VECTORS, 4, ~0u },
	/* QEMU ORs valid vectors of queue 0 into a table of the PF, where they would stay. */
	{ "VTIVAR", VF_IVAR0, 1, 0, 0xffff7f7f },
	{ "VTIVAR_MISC", VF_IVAR_MISC, 1, 0, ~0u },
	{ "RDBAL", VF_RDBAL(0), VF_QUEUES, 0x100, ~0u },
	{ "RDBAH", VF_RDBAH(0), VF_QUEUES, 0x100, ~0u },
	{ "RDLEN", VF_RDLEN(0), VF_QUEUES, 0x100, ~0u },
	{ "SRRCTL", VF_SRRCTL(0), VF_QUEUES, 0x100, ~0u },
	{ "RDH", VF_RDH(0), VF_QUEUES, 0x100, ~0u },
	{ "RXCTL", VF_RX(0, 0x14), VF_QUEUES, 0x100, ~0u },
	{ "RDT", VF_RDT(0), VF_QUEUES, 0x100, ~0u },
	{ "RXDCTL", VF_RXDCTL(0), VF_QUEUES, 0x100, ~ACTS },
	{ "RQDPC", VF_RX(0, 0x30), VF_QUEUES, 0x100, ~0u },
	{ "TDBAL", VF_TDBAL(0), VF_QUEUES, 0x100, ~0u },
	{ "TDBAH", VF_TDBAH(0), VF_QUEUES, 0x100, ~0u },
	{ "TDLEN", VF_TDLEN(0), VF_QUEUES, 0x100, ~0u },
	{ "TDH", VF_TDH(0), VF_QUEUES, 0x100, ~0u },
	{ "TXCTL", VF_TXCTL(0), VF_QUEUES, 0x100, ~0u },
	{ "TDT", VF_TDT(0), VF_QUEUES, 0x100, ~0u },
	{ "TXDCTL", VF_TXDCTL(0), VF_QUEUES, 0x100, ~ACTS },
	{ "TDWBAL", VF_TDWBAL(0), VF_QUEUES, 0x100, ~0u },
	{ "TDWBAH", VF_TDWBAH(0), VF_QUEUES, 0x100, ~0u },
};

/* Messages, in this order; what a guest asks for, and what it is refused. */
static const struct message {
	const char *name;
	u32 words[3];
} messages[] = {
	{ "VF_SET_LPE, not served", { VF_MSG_SET_LPE, 1522 } },
	{ "VF_RESET", { VF_MSG_RESET } },
	{ "VF_SET_MAC_ADDR", { VF_MSG_SET_MAC, 0x00666d02, 0x3c00 } },
	{ "VF_SET_MAC_ADDR of a group", { VF_MSG_SET_MAC, 0x00666d03, 0x3c00 } },
	{ "VF_MAC_FILTER_ADD", { VF_MSG_MAC_FILTER_ADD, 0x01666d02, 0x3c00 } },
	{ "VF_MAC_FILTER_CLR", { VF_MSG_MAC_FILTER_CLR, 0x01666d02, 0x3c00 } },
	{ "VF_MAC_FILTER_CLR of zeros", { VF_MSG_MAC_FILTER_CLR } },
	{ "VF_SET_MULTICAST", { VF_MSG_SET_MULTICAST | 2 << VF_MSG_INFO_SHIFT, 0x05630123 } },
	{ "VF_SET_VLAN", { VF_MSG_SET_VLAN | 1 << VF_MSG_INFO_SHIFT, 100 } },
	{ "VF_SET_VLAN, one less", { VF_MSG_SET_VLAN, 100 } },
	{ "VF_SET_VLAN, none less", { VF_MSG_SET_VLAN, 101 } },
	{ "VF_SET_VLAN, tagged with 0", { VF_MSG_SET_VLAN | 1 << VF_MSG_INFO_SHIFT, 0 } },
	{ "VF_SET_LPE", { VF_MSG_SET_LPE, 9018 } },
	{ "VF_SET_LPE of too much", { VF_MSG_SET_LPE, 100000 } },
	{ "VF_SET_PROMISC", { VF_MSG_SET_PROMISC | 2 << VF_MSG_INFO_SHIFT } },
	{ "VF_SET_PROMISC, all unicast", { VF_MSG_SET_PROMISC | 1 << VF_MSG_INFO_SHIFT } },
	{ "no message", { 0x55 } },
	{ "an answer", { VF_MSG_SET_VLAN | VF_MSG_ACK, 100 } },
	{ "VF_RESET again", { VF_MSG_RESET } },
};

/* How the provider under test differs from software, and may; names are patterns. */
static const struct {
	const char *what;
	const char *reason;
} differences[] = {
	{ "*: STATUS 0", "all but the link is up to the provider" },
	{ "opened: [RT]X*CTL ?", "thresholds and cache hints are the provider's until written" },
	{ "function level reset: [RT]X*CTL ?", "as when it was opened" },
	{ "loaded: VTEIMS 0", "a VF keeps the mask until it runs" },
	{ "loaded: TDT ?", "a VF keeps the tail until it runs, or it would send" },
	{ "running: VTEIMS 0", "software masks by itself, QEMU does not: clause start" },
	{ "running: VTEICR 0", "causes of vectors that are masked stay, clause start" },
	{ "moved while on: [RT]D*", "whether a ring moves while it is on: clause rings" },
	{ "on without a ring: [RT]XDCTL ?", "QEMU shows a queue without a ring as on" },
	{ "*: VTEI[MA]? 0", "QEMU keeps bits of vectors that there are not" },
	{ "*: VTIVAR* 0", "QEMU keeps bits that are none" },
	{ "*: EITR ?", "the upper half counts, and is not state" },
	{ "*: VTEICR 0", "QEMU shows what was written last" },
	{ "*: PSRTYPE 0", "QEMU reads as 0" },
	{ "*: RXCTL ?", "QEMU reads as 0" },
	{ "*: RQDPC ?", "QEMU lets a guest write it" },
	{ "VF_MAC_FILTER_CLR of zeros: word 0", "igb takes zeros for an address" },
};

/* What was seen, in the order of the script. */
#define SEEN_MAX	2048

struct seen {
	char what[64];
	u32 val;
};

struct script {
	struct vf *vf;
	struct seen seen[SEEN_MAX];
	unsigned int n;
};

static __printf(3, 4) void see(struct script *s, u32 val, const char *what, ...)
{
	struct seen *seen = &s->seen[s->n++];
	va_list args;

	VFIO_ASSERT_LE(s->n, SEEN_MAX);
	va_start(args, what);
	vsnprintf(seen->what, sizeof(seen->what), what, args);
	va_end(args);
	seen->val = val;
}

static u32 at(const struct reg *reg, unsigned int instance)
{
	return reg->offset + instance * reg->stride;
}

static void read_all(struct script *s, const char *when)
{
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(regs); i++)
		for (k = 0; k < regs[i].count; k++)
			see(s, vf_ask(s->vf, at(&regs[i], k)), "%s: %s %u", when, regs[i].name, k);
}

static void write_all(struct script *s, u32 pattern)
{
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(regs); i++)
		for (k = 0; k < regs[i].count && regs[i].writable; k++)
			vf_write(s->vf, at(&regs[i], k), pattern & regs[i].writable);
	/* Bits that are set stay, of those that are masked. */
	vf_write(s->vf, VF_EIMC, ~pattern);
	usleep(LATER_US);
}

/* Each queue, with a ring of this length in which nothing is. */
static void switch_on(struct script *s, u32 len)
{
	struct vf *vf = s->vf;
	unsigned int q;

	for (q = 0; q < VF_QUEUES; q++) {
		vf_write(vf, VF_RXDCTL(q), 0);
		vf_write(vf, VF_RDBAL(q), 0x4000);
		vf_write(vf, VF_RDLEN(q), len);
		vf_write(vf, VF_RDH(q), 0);
		vf_write(vf, VF_RDT(q), 0);
		vf_write(vf, VF_RXDCTL(q), VF_QUEUE_ENABLE);
		vf_write(vf, VF_TXDCTL(q), 0);
		vf_write(vf, VF_TDBAL(q), 0x4000);
		vf_write(vf, VF_TDLEN(q), len);
		vf_write(vf, VF_TDH(q), 0);
		vf_write(vf, VF_TDT(q), 0);
		vf_write(vf, VF_TXDCTL(q), VF_QUEUE_ENABLE);
	}
}

/* The ring of a queue that is on. */
static void move_rings(struct script *s)
{
	unsigned int q;

	for (q = 0; q < VF_QUEUES; q++) {
		vf_write(s->vf, VF_RDBAL(q), 0x1000);
		vf_write(s->vf, VF_RDLEN(q), 0x800);
		vf_write(s->vf, VF_TDBAL(q), 0x2000);
		vf_write(s->vf, VF_TDLEN(q), 0x800);
	}
}

/* A message as igbvf sends it, and all that is to be seen of the answer. */
static void say(struct script *s, const struct message *message)
{
	u32 bits = 0, want = VF_MBX_PFACK | VF_MBX_PFSTS;
	struct vf *vf = s->vf;
	unsigned int i;

	vf_write(vf, VF_MAILBOX, VF_MBX_VFU);
	see(s, vf_ask(vf, VF_MAILBOX), "%s: buffer taken", message->name);
	for (i = 0; i < VF_MBMEM_WORDS; i++)
		vf_write(vf, VF_MBMEM(i), i < 3 ? message->words[i] : 0x5a000000 | i);
	vf_write(vf, VF_MAILBOX, VF_MBX_REQ);
	for (i = 0; i < 20 && (bits & want) != want; i++) {
		usleep(LATER_US / 10);
		bits |= vf_ask(vf, VF_MAILBOX);
	}
	see(s, bits, "%s: bits", message->name);
	for (i = 0; i < VF_MBMEM_WORDS; i++)
		see(s, vf_ask(vf, VF_MBMEM(i)), "%s: word %u", message->name, i);
	vf_write(vf, VF_MAILBOX, VF_MBX_VFU);
	vf_write(vf, VF_MAILBOX, VF_MBX_ACK);
	usleep(LATER_US);
	see(s, vf_ask(vf, VF_MAILBOX), "%s: read", message->name);
}

static void load(struct script *s)
{
	struct vmf_build_device device = { 0 };
	struct vmf_build_state state;
	struct vmf_build document;
	struct mig_buf stream;

	vf_presented(s->vf, &device.presented);
	vmf_build_state_fill(&state);
	vmf_build_stream(&document, 2, &device, &state);
	stream = (struct mig_buf){ .data = document.buf, .len = document.len };
	VFIO_ASSERT_EQ(mig_load(vf_fd(s->vf), &stream), 0);
}

/* From the first to the last day of a function; no queue that is on has anything to do. */
static void play(struct script *s, const char *address)
{
	static const u32 patterns[] = { 0xffffffff, 0x55555555, 0xaaaaaaaa, 0 };
	char when[32];
	unsigned int i;

	s->vf = vf_open(address, NULL);
	vf_unmap(s->vf);
	vf_irq_enable(s->vf);
	read_all(s, "opened");
	for (i = 0; i < ARRAY_SIZE(patterns); i++) {
		write_all(s, patterns[i]);
		snprintf_assert(when, sizeof(when), "%#x", patterns[i]);
		read_all(s, when);
	}
	usleep(REFUSAL_US);
	for (i = 0; i < ARRAY_SIZE(messages); i++)
		say(s, &messages[i]);
	write_all(s, 0x55555555);
	switch_on(s, 0x400);
	read_all(s, "on");
	move_rings(s);
	read_all(s, "moved while on");
	switch_on(s, 0x400);
	vf_write(s->vf, VF_CTRL, VF_CTRL_RST);
	usleep(LATER_US);
	read_all(s, "CTRL.RST");
	switch_on(s, 0);
	read_all(s, "on without a ring");
	vf_reset(s->vf);
	read_all(s, "function level reset");
	load(s);
	read_all(s, "loaded");
	VFIO_ASSERT_EQ(mig_set(vf_fd(s->vf), VFIO_DEVICE_STATE_RUNNING, NULL), 0);
	usleep(LATER_US);
	read_all(s, "running");
	vf_close(s->vf);
}

/* The difference that @what is, or -1. */
static int listed(const char *what)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(differences); i++)
		if (!fnmatch(differences[i].what, what, 0))
			return i;
	return -1;
}

FIXTURE(registers)
{
};

FIXTURE_SETUP(registers)
{
	ASSERT_EQ(0, mdev_create(UUID));
}

FIXTURE_TEARDOWN(registers)
{
	EXPECT_EQ(0, mdev_remove(UUID));
}

TEST_F_TIMEOUT(registers, one_script, 120)
{
	static struct script tested, software;
	unsigned int uses[ARRAY_SIZE(differences)] = { 0 }, i;
	const struct seen *a, *b;
	int which;

	play(&tested, vf_bdf(0));
	play(&software, UUID);
	ASSERT_EQ(tested.n, software.n);
	for (i = 0; i < tested.n; i++) {
		a = &tested.seen[i];
		b = &software.seen[i];
		if (a->val == b->val)
			continue;
		which = listed(a->what);
		EXPECT_LE(0, which) {
			TH_LOG("%s: %#x, in software %#x", a->what, a->val, b->val);
		}
		if (which >= 0)
			uses[which]++;
	}
	for (i = 0; i < ARRAY_SIZE(differences); i++) {
		TH_LOG("%u times: %s: %s", uses[i], differences[i].what, differences[i].reason);
		EXPECT_LT(0, uses[i]) {
			TH_LOG("%s does not differ", differences[i].what);
		}
	}
	TH_LOG("%u values seen", tested.n);
}

int main(int argc, char **argv)
{
	software_or_skip();
	return test_harness_run(argc, argv);
}
