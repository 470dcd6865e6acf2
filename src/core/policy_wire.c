#include "core/policy_wire.h"

#include "ipc/ipc.h"

enum { STATUS_OK = 200, STATUS_NOT_FOUND = 404 };

static int copy(struct arena *a, ProtobufCBinaryData from, struct span *to)
{
	*to = from.len ? arena_dup(a, ipc_bytes(from)) : SPAN_NONE;
	return from.len && !to->p ? E_NOMEM : 0;
}

static int copy_tree(struct arena *a, const Cv__HttpResult *r,
		     struct jtree *out)
{
	struct jnode *nodes;
	int e = 0;

	if (r->n_nodes == 0 || r->n_nodes > JTREE_NODES_MAX)
		return E_LIMIT;
	nodes = arena_zalloc(a, r->n_nodes * sizeof(*nodes));
	if (!nodes)
		return E_NOMEM;
	for (size_t i = 0; i < r->n_nodes && e == 0; i++) {
		const Cv__JsonNode *n = r->nodes[i];

		nodes[i].parent = n->parent;
		nodes[i].kind = (enum jkind)n->kind;
		nodes[i].number = n->number;
		nodes[i].real = n->real;
		e = copy(a, n->key, &nodes[i].key);
		if (e == 0)
			e = copy(a, n->text, &nodes[i].text);
	}
	*out = (struct jtree){nodes, (uint32_t)r->n_nodes};
	return e == 0 ? jtree_check(out) : e;
}

static void failed(struct policy_answer *out, const char *rule)
{
	*out = (struct policy_answer){.event = POLICY_EV_ANSWER_FAILED,
				      .why = {NULL, rule}};
}

void policy_wire_read(struct policy_answer *out, enum policy_kind kind,
		      const Cv__HttpResult *r, const struct policy_reader *rd)
{
	struct jtree t;

	if (!r)
		failed(out, "no answer");
	else if (r->error != CV__HTTP_ERROR__HTTP_OK)
		failed(out, policy_wire_error_text(r->error));
	else if (r->status == STATUS_NOT_FOUND)
		*out = (struct policy_answer){
			.event = POLICY_EV_ANSWER_CONTINUE};
	else if (r->status != STATUS_OK)
		failed(out, "status");
	else if (copy_tree(rd->arena, r, &t) < 0)
		failed(out, "tree");
	else
		policy_answer_read(out, kind, &t, rd);
}

enum policy_event policy_wire_avatar(const Cv__HttpResult *r,
				     struct span *jpeg)
{
	static const struct span magic = {(const uint8_t *)"\xff\xd8\xff", 3};

	if (!r || r->error != CV__HTTP_ERROR__HTTP_OK)
		return POLICY_EV_ANSWER_FAILED;
	if (r->status == STATUS_NOT_FOUND)
		return POLICY_EV_ANSWER_CONTINUE;
	if (r->status != STATUS_OK ||
	    r->body.len > POLICY_AVATAR_BYTES_MAX ||
	    !span_starts(ipc_bytes(r->body), magic))
		return POLICY_EV_ANSWER_FAILED;
	*jpeg = ipc_bytes(r->body);
	return POLICY_EV_ANSWER;
}

const char *policy_wire_error_text(Cv__HttpError e)
{
	static const char *const texts[] = {
		[CV__HTTP_ERROR__HTTP_OK] = "answered",
		[CV__HTTP_ERROR__HTTP_BUSY] = "too many requests under way",
		[CV__HTTP_ERROR__HTTP_NAME] = "the name does not resolve",
		[CV__HTTP_ERROR__HTTP_GUARDED] =
			"refused by the outbound guard",
		[CV__HTTP_ERROR__HTTP_CONNECT] = "no connection",
		[CV__HTTP_ERROR__HTTP_TLS] = "no TLS 1.2 or later",
		[CV__HTTP_ERROR__HTTP_TIMEOUT] = "no answer in time",
		[CV__HTTP_ERROR__HTTP_TOO_LARGE] = "the answer is too large",
		[CV__HTTP_ERROR__HTTP_BAD_ANSWER] =
			"not HTTP, not the wanted type, or not JSON",
		[CV__HTTP_ERROR__HTTP_REDIRECT] =
			"a redirect, which is not followed",
		[CV__HTTP_ERROR__HTTP_BAD_URL] = "the URL cannot be used",
		[CV__HTTP_ERROR__HTTP_TLS_CHAIN] =
			"the certificate is not by a trusted CA, or expired",
		[CV__HTTP_ERROR__HTTP_TLS_NAME] =
			"the certificate is for another name",
	};
	const size_t n = sizeof(texts) / sizeof(texts[0]);

	return (unsigned)e < n && texts[e] ? texts[e] : "unknown error";
}
