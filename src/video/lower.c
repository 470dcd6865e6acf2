#include "video/lower.h"
#include <sched.h>
#include <sys/resource.h>
#include "base/err.h"

enum { NICE = 10 };

int video_lower_self(void)
{
	const struct sched_param p = {0};

	if (sched_setscheduler(0, SCHED_BATCH, &p) < 0 ||
	    setpriority(PRIO_PROCESS, 0, NICE) < 0)
		return E_SYS;
	return 0;
}
