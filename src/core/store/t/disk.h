/* core/store/t/disk.h - a disk in memory that forgets, for crash tests.
 *
 * What was not synced is lost or torn at the next disk_crash(). After
 * `ops_left` writing operations the power goes: every later operation fails.
 * It serves as file_ops (prefix of the appends survives, the last one torn at
 * any byte) and as an SQLite VFS (any subset of the writes survives, each
 * torn at a sector). Deterministic from its seed. Thread safe.
 */
#pragma once
#include "core/store/file.h"

struct disk;

int  disk_new(struct disk **out, uint64_t seed);
void disk_free(struct disk **d);
/* < 0: the power stays on. */
void disk_power_for(struct disk *d, int64_t ops);
bool disk_is_dead(struct disk *d);
/* Power cut and return: only what survived is left. */
void disk_crash(struct disk *d);
/* Bytes that all files may take; 0 = no limit. */
void disk_capacity(struct disk *d, size_t bytes);
size_t disk_used(struct disk *d);
const struct file_ops *disk_files(struct disk *d);
/* Registers under this name; one at a time. */
int  disk_vfs_register(struct disk *d, const char *name);
void disk_vfs_unregister(struct disk *d);
/* Direct access for tampering. */
uint8_t *disk_bytes(struct disk *d, const char *path, size_t *n);
void disk_resize(struct disk *d, const char *path, size_t n);
