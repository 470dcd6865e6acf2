/* A video worker decodes pictures of strangers, the likeliest place for a
 * codec bug: it has the common list and nothing more. No socket, no file, no
 * thread; fonts are mapped and codecs are linked before the walls close. */
#include "video/sandbox.h"

#include <stddef.h>

const struct sandbox_profile video_sandbox = {
	.role = "video",
	.max_nofile = 64,
	.kill = SANDBOX_KILL,
};
