// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest that is frozen between any two of its accesses to the mailbox goes on
 * there, on another VF or on its own, and finds every answer that it waits for.
 */
#include <libvfio.h>

#include "kselftest_harness.h"

#include "freezer.h"

/* Accesses between two freezes of one life: two or three freezes in each message. */
#define STRIDE	7

FIXTURE(freeze)
{
	struct freezer f;
};

FIXTURE_SETUP(freeze)
{
	ASSERT_EQ(0, freezer_open(&self->f));
}

FIXTURE_TEARDOWN(freeze)
{
	freezer_close(&self->f);
}

/* One migration in each life, which has nothing to do with any other. */
TEST_F_TIMEOUT(freeze, T14_moved_at_every_access, 500)
{
	EXPECT_TRUE(freezer_live_all(&self->f, freeze_move));
}

/* All accesses are made in PRE_COPY; back at once, without any access there. */
TEST_F_TIMEOUT(freeze, T14_in_pre_copy_there_and_back, 500)
{
	self->f.stride = STRIDE;
	EXPECT_TRUE(freezer_live_all(&self->f, freeze_precopy_there_and_back));
}

TEST_F_TIMEOUT(freeze, T14_cancelled_at_every_access, 500)
{
	self->f.stride = STRIDE;
	EXPECT_TRUE(freezer_live_all(&self->f, freeze_cancel));
}

/* Every message of a life is answered by the PF of the destination only. */
TEST_F_TIMEOUT(freeze, T14_every_request_on_the_way, 500)
{
	self->f.stride = 1;
	self->f.requests_only = true;
	EXPECT_TRUE(freezer_live_all(&self->f, freeze_move_requested));
}

TEST_F_TIMEOUT(freeze, T14_every_request_on_the_way_twice, 500)
{
	self->f.stride = 1;
	self->f.requests_only = true;
	EXPECT_TRUE(freezer_live_all(&self->f, freeze_move_requested_twice));
}

TEST_HARNESS_MAIN
