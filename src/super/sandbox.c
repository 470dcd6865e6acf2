#include "super/sandbox.h"

#include <link.h>
#include <sys/capability.h>

#include "base/err.h"
#include "base/sandbox.h"

#define CAP(x) (UINT64_C(1) << CAP_##x)

enum { PATHS = 8 };

/* The kernel opens the loader for exec, too. */
static int find_loader(struct dl_phdr_info *info, size_t size, void *arg)
{
	const char **out = arg;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_INTERP)
			*out = (const char *)(info->dlpi_addr +
					      info->dlpi_phdr[i].p_vaddr);
	return 1;		/* the program itself comes first */
}

/* Held for ban alone: what super itself does needs none of it. */
static int lay_aside_net_admin(void)
{
	const cap_value_t c = CAP_NET_ADMIN;
	cap_t caps = cap_get_proc();
	int r = E_SYS;

	if (caps && cap_set_flag(caps, CAP_EFFECTIVE, 1, &c, CAP_CLEAR) == 0 &&
	    cap_set_proc(caps) == 0)
		r = 0;
	cap_free(caps);
	return r;
}

int super_walls(const struct options *o, bool net_admin)
{
	const char *loader = NULL;
	struct sandbox_path paths[PATHS] = {
		{"/", false, false,
		 "roles load libraries, fonts and time zones before their "
		 "own walls close"},
		{o->data_dir, true, false, "core's database"},
		{o->run_dir, true, false, "the command's socket goes at the end"},
		{"/dev/null", true, false, "standard input of a role"},
		{o->libexec_dir, false, true, "the roles"},
	};
	struct sandbox_profile p = {
		.role = "super", .paths = paths, .kill = SANDBOX_KILL,
		/* SETUID, SETGID: a user for each role. SETPCAP: to shed.
		 * KILL: they are other users then. NET_BIND_SERVICE: kept for
		 * listeners that a later setting switches on. */
		.keep_caps = CAP(SETUID) | CAP(SETGID) | CAP(SETPCAP) |
			     CAP(KILL) | CAP(NET_BIND_SERVICE),
	};
	int r;

	(void)dl_iterate_phdr(find_loader, &loader);
	if (loader)
		paths[5] = (struct sandbox_path){loader, false, true,
						 "exec of a dynamic program"};
	if (net_admin)
		p.keep_caps |= CAP(NET_ADMIN);
	r = sandbox_enter_super(&p);
	if (!r && net_admin)
		r = lay_aside_net_admin();
	return r;
}
