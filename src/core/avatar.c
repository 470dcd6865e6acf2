#include "core/avatar.h"

#include "base/addr.h"
#include "base/alloc.h"
#include "core/asks.h"

struct waiter {
	int web;
	uint32_t web_gen, req;
};

struct avatar {
	bool is_asked;			/* under way */
	bool is_none;			/* there is none */
	uint64_t again_ns;		/* the server failed: not before */
	uint8_t *jpeg;
	size_t n;
	struct waiter waiters[AVATAR_WAITERS_MAX];
	size_t n_waiters;
};

static void reply(struct core *c, const struct waiter *to,
		  Cv__ResultCode code, struct span jpeg)
{
	Cv__CommandReply r = CV__COMMAND_REPLY__INIT;

	r.req = to->req;
	r.code = code;
	r.picture = ipc_data(jpeg);
	if (web_is_current(c, to->web, to->web_gen))
		(void)ipc_send(ipc_ev_chan(c->webs[to->web].ev),
			       COMMAND_REPLY, &r);
}

static void tell_all(struct core *c, struct avatar *a, struct span jpeg)
{
	for (size_t i = 0; i < a->n_waiters; i++)
		reply(c, &a->waiters[i], jpeg.n ?
		      CV__RESULT_CODE__RESULT_OK :
		      CV__RESULT_CODE__RESULT_NOT_FOUND, jpeg);
	a->n_waiters = 0;
}

/* --- the answer ---------------------------------------------------------- */

static void keep(struct core *c, struct avatar *a, struct span jpeg)
{
	if (c->avatar_bytes + jpeg.n > AVATAR_CACHE_MAX)
		return;
	a->jpeg = mem_dup(jpeg.p, jpeg.n);
	if (!a->jpeg)
		return;
	a->n = jpeg.n;
	c->avatar_bytes += jpeg.n;
}

/* Whom it is of; he may have gone. */
struct subject {
	uint64_t member;
};

static void on_word(struct core *c, void *arg, const struct asks_word *w)
{
	struct subject *s = arg;
	const struct member *mb = handles_get(c->members, s->member);
	struct avatar *a = mb ? mb->avatar : NULL;

	mem_free(s);
	if (!a)
		return;
	a->is_asked = false;
	if (w->jpeg.n)
		keep(c, a, w->jpeg);
	else if (w->has_failed)
		a->again_ns = c->now_ns + AVATAR_AGAIN_S * NS_PER_S;
	else
		a->is_none = true;
	tell_all(c, a, w->jpeg);
}

/* --- the question --------------------------------------------------------- */

static struct span or_none(const char *s)
{
	return s[0] ? span_str(s) : SPAN_NONE;
}

static void fill(const struct member *mb, struct policy_facts *f)
{
	const struct part *p = mb->p;
	const struct service *sv = &mb->m->sv;

	policy_facts_init(f);
	policies_facts(mb->c, mb->location, f);
	f->alias = span_str(p->remote[0] ? p->remote : p->name);
	f->remote_alias = f->alias;
	f->remote_display_name = span_str(p->name);
	f->local_alias = or_none(p->alias);
	f->call_direction = SPAN_LIT("dial_in");
	f->call_tag = or_none(p->call_tag);
	f->protocol = p->leg.phase >= LEG_OPEN ? SPAN_LIT("webrtc") :
		      SPAN_LIT("api");
	f->trigger = SPAN_LIT("web_avatar_fetch");
	f->vendor = or_none(p->vendor);
	f->role = p->host ? SPAN_LIT("chair") : SPAN_LIT("guest");
	f->service_name = f->unique_service_name = span_str(sv->name);
	f->service_tag = or_none(sv->tag);
	f->width = f->height = AVATAR_SIDE;
}

/* As asks_send(). */
static int ask(const struct member *mb, const struct member *viewer)
{
	struct subject *s = mem_alloc(sizeof(*s));
	char ip[ADDR_TEXT_MAX];
	struct policy_facts f;
	struct addr a = {.port = 0};
	int r;

	if (!s)
		return E_NOMEM;
	s->member = mb->p->id;
	fill(mb, &f);
	memcpy(a.ip, mb->p->ip, sizeof(a.ip));
	addr_print_ip(&a, ip);
	f.remote_address = span_str(ip);
	r = asks_send(mb->c, &(struct asks_question){
		      .location = mb->location, .kind = POLICY_AVATAR,
		      .facts = &f, .by = {SHARE_PROVEN, viewer->p->ip}},
		      on_word, s);
	if (r != 1)
		mem_free(s);
	return r;
}

/* --- a request -------------------------------------------------------------- */

static struct avatar *avatar_of(struct member *mb)
{
	if (!mb->avatar)
		mb->avatar = mem_zalloc(sizeof(*mb->avatar));
	return mb->avatar;
}

static Cv__ResultCode wait_for(struct member *mb, struct avatar *a,
			       const struct member *viewer,
			       const struct waiter *to)
{
	int r;

	if (a->is_none || mb->c->now_ns < a->again_ns)
		return CV__RESULT_CODE__RESULT_NOT_FOUND;
	if (a->n_waiters == AVATAR_WAITERS_MAX)
		return CV__RESULT_CODE__RESULT_OVERLOAD;
	r = a->is_asked ? 1 : ask(mb, viewer);
	if (r < 0)
		return CV__RESULT_CODE__RESULT_OVERLOAD;
	if (r == 0)
		return CV__RESULT_CODE__RESULT_NOT_FOUND;
	a->is_asked = true;
	a->waiters[a->n_waiters++] = *to;
	return CV__RESULT_CODE__RESULT_OK;
}

void avatar_command(struct web *w, const struct member *viewer,
		    const Cv__Command *m)
{
	struct core *c = w->c;
	const struct waiter to = {.web = (int)(w - c->webs),
				  .web_gen = w->gen, .req = m->req};
	const struct part *p = room_part_by_uuid(viewer->m->room,
						 ipc_bytes(m->target));
	struct member *mb = p && room_sees(viewer->p, p) ?
			    member_of(c, p) : NULL;
	struct avatar *a = mb ? avatar_of(mb) : NULL;
	Cv__ResultCode code = CV__RESULT_CODE__RESULT_NOT_FOUND;

	if (a && a->jpeg) {
		reply(c, &to, CV__RESULT_CODE__RESULT_OK,
		      span_of(a->jpeg, a->n));
		return;
	}
	if (mb)
		code = a ? wait_for(mb, a, viewer, &to) :
		       CV__RESULT_CODE__RESULT_OVERLOAD;
	/* OK: he waits. */
	if (code != CV__RESULT_CODE__RESULT_OK)
		reply(c, &to, code, SPAN_NONE);
}

void avatar_forget(struct member *mb)
{
	struct avatar *a = mb->avatar;

	mb->avatar = NULL;
	if (!a)
		return;
	tell_all(mb->c, a, SPAN_NONE);
	mb->c->avatar_bytes -= a->n;
	mem_free(a->jpeg);
	mem_free(a);
}
