// SPDX-License-Identifier: GPL-2.0-only
/*
 * Other values for the fields of a state: at the borders of what they can be, and
 * random ones.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/types.h>

#include "igbvf_user.h"
#include "state_mutate.h"
#include "state_rules.h"
#include "stream_edit.h"

/* The values at the borders of a field. */
#define BORDERS		16

/* Value @n of those at the borders of a field that has @old. */
static u64 border(const struct state_field *field, unsigned int n, u64 old)
{
	u64 all = ~0ull >> (64 - 8 * field->size), max = field->max ? field->max : field->mask;
	u64 outside = all & ~field->mask;
	const u64 values[BORDERS] = {
		0, 1, field->mask, outside & -outside, max, max + 1, all, (all >> 1) + 1,
		field->unit, field->unit - 1, NIC_RX_RING - 1, NIC_RX_RING,
		NIC_TX_RING - 1, NIC_TX_RING, old + 1, old - 1,
	};

	return values[n] & all;
}

static u64 random64(unsigned int *seed)
{
	return (u64)rand_r(seed) << 42 ^ (u64)rand_r(seed) << 21 ^ rand_r(seed);
}

/*
 * QEMU ORs valid vectors of queue 0 into a table of the PF, where they would stay
 * for whoever has the VF next; VLANs take one of 32 entries that all VFs share.
 */
static u64 spare_the_pf(const struct state_field *field, u64 val, u32 *index)
{
	if (!strcmp(field->name, "ivar") && !(val & ~field->mask))
		val &= ~0x8080ull;
	if (!strcmp(field->name, "vlans"))
		*index = *index % 3 * 2;
	return val;
}

static void change(struct mig_buf *s, const struct state_field *field, u32 instance,
		   unsigned int n, unsigned int *seed, char *what, size_t size)
{
	struct vmf_section section = edit_section(s, field->type, instance);
	u8 *payload = s->data + section.payload;
	u32 index = rand_r(seed) % field->count;
	u64 old = state_get(payload, field, index), val;

	if (n < BORDERS)
		val = border(field, n, old);
	else if (n % 2)
		val = random64(seed) & field->mask;
	else
		val = random64(seed);
	val = spare_the_pf(field, val & ~0ull >> (64 - 8 * field->size), &index);
	state_put(payload, field, index, val);
	snprintf(what, size, "%s %u: %s[%u] = %#llx", vmf_type_name(field->type), instance,
		 field->name, index, (unsigned long long)val);
}

void state_mutate(const struct mig_buf *good, unsigned int base, unsigned int n,
		  struct mig_buf *s, char *what, size_t size)
{
	unsigned int seed = base ^ n * 2654435761u, i, places = 0, place, changes = 1;

	mig_buf_copy(s, good);
	for (i = 0; i < state_fields_count; i++)
		places += state_fields[i].instances;
	place = n % places;
	n /= places;
	if (n >= BORDERS && !(n % 3))
		changes = 2;
	while (changes--) {
		for (i = 0; place >= state_fields[i].instances; i++)
			place -= state_fields[i].instances;
		change(s, &state_fields[i], place, n, &seed, what, size);
		place = rand_r(&seed) % places;
	}
	edit_fixup(s);
}
