/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_BINDING_H
#define SELFTESTS_BINDING_H

#include <stdbool.h>
#include <stddef.h>

#define MODULE_NAME	"igbvf_vfio_pci"

/* What the driver under test is called on the PCI bus. */
const char *driver_name(void);

/* Where the module was loaded from. */
const char *module_path(void);

/* One word into a file of sysfs: 0 or -errno. */
int sysfs_write(const char *path, const char *word);

/* What is in a file of sysfs or debugfs, as a string; false if there is none. */
bool sysfs_read(const char *path, char *buf, size_t size);

/* The driver that the function is bound to, or "". */
const char *bound_to(const char *bdf);

/* By sysfs; all return 0 or -errno. An empty @driver means no override. */
int override_driver(const char *bdf, const char *driver);
int probe_driver(const char *bdf);
int unbind_driver(const char *bdf);

/* override and probe, and the driver is bound then. */
bool bind_driver(const char *bdf, const char *driver);

/* delete_module() without waiting, and finit_module(): 0 or -errno. */
int module_remove(void);
int module_insert(void);

/* The same with module parameters. */
int module_insert_with(const char *params);

/* Another set of parameters, or NULL for those of the lab; all VFs are bound anew. */
int module_reload(const char *params);

/* Calls of one arc since the function was bound, from debugfs; -1 if unknown. */
long arc_calls(const char *bdf, const char *from, const char *to);

#endif /* SELFTESTS_BINDING_H */
