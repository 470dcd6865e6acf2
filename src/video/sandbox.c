/* A video worker decodes pictures of strangers, the likeliest place for a
 * codec bug: it has the common list and nothing more. No socket, no file, no
 * thread; fonts are mapped and codecs are linked before the walls close. */
#include "video/sandbox.h"

#include <sys/syscall.h>

/* libvpx asks sysconf() for the number of processors whenever it makes a
 * coder, and glibc looks for it in /sys; refused, it takes the affinity mask
 * instead. Nothing is ever opened: Landlock refuses every path as well. */
static const int deny_errno[] = {SYS_openat, -1};

const struct sandbox_profile video_sandbox = {
	.role = "video",
	.deny_errno = deny_errno,
	.max_nofile = 64,
	.kill = SANDBOX_KILL,
};
