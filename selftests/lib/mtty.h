/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_MTTY_H
#define SELFTESTS_MTTY_H

#include <linux/types.h>

/* The module: the kernel's sample of a serial device, with selftests/adopting/mtty-vmf.patch. */
#define MTTY_MODULE	"mtty_vmf"

/* A device of it, with what its guest does. */
struct mtty;

/* Make one with 1 or 2 ports and open it; and take it away. */
struct mtty *mtty_open(const char *uuid, unsigned int ports);
void mtty_close(struct mtty *mtty);

int mtty_fd(const struct mtty *mtty);

/* A register of a port, as the guest reads and writes it. */
u8 mtty_read(const struct mtty *mtty, unsigned int port, unsigned int reg);
void mtty_write(const struct mtty *mtty, unsigned int port, unsigned int reg, u8 val);

/* Through the port, which sends what it receives; what of it can be read, up to @size bytes. */
void mtty_send(const struct mtty *mtty, unsigned int port, const char *text);
void mtty_receive(const struct mtty *mtty, unsigned int port, char *text, unsigned int size);

#endif /* SELFTESTS_MTTY_H */
