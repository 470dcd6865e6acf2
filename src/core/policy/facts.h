/* core/policy/facts.h - what is known about a call, and the request URLs.
 *
 * One struct holds every parameter of the six requests. The wiring fills in
 * what it knows; a span with p == NULL is "not known". Which parameter goes
 * into which request, and how it is spelled there, is one table in facts.c
 * (policy_fact_row()), which the variables of scripts (vars.h) share.
 *
 * Nothing here is escaped or trusted: alias, names and User-Agent are as the
 * peer sent them. Spans belong to the caller. Pure; no allocation.
 */
#pragma once
#include "base/err.h"
#include "base/span.h"
#include "core/policy/profile.h"

enum {
	POLICY_URL_MAX = 16384,		/* whole URL; courier takes no more */
	POLICY_VALUE_CHARS = 250,	/* of one parameter; longer is cut */
	/* Web servers refuse long URLs, and a refusal means "no opinion": a
	 * caller must not be able to bring that about with a long name. Beyond
	 * this, whatever is no alias is cut shorter until it fits. */
	POLICY_URL_AIM = 7600,
	POLICY_LIST_MAX = 16,		/* addresses in ms_subnet and such */
	POLICY_IDP_MAX = 64,		/* attribute values in all */
};

/* Absent, or one of two words. */
enum policy_bool { POLICY_UNSET = 0, POLICY_FALSE, POLICY_TRUE };

/* An attribute with several values is several of these, one after another. */
struct policy_attribute {
	struct span name, value;
};

struct policy_facts {
	/* --- of every request --- */
	struct span location;		/* of the asking node */
	struct span node_ip;
	struct span version_id, pseudo_version_id;
	/* --- of a call --- */
	int64_t bandwidth;		/* kbit/s, 0 = none */
	struct span call_direction;	/* dial_in, dial_out, non_dial */
	struct span call_tag;
	struct span call_uuid;
	struct span breakout_uuid;
	enum policy_bool bypass_lock;
	int64_t display_count;		/* -1 = not known (S); P sends 0 then */
	enum policy_bool encryption;	/* On, Off */
	bool has_authenticated_display_name;
	struct span idp_uuid;
	struct policy_attribute idp_attributes[POLICY_IDP_MAX];
	size_t n_idp_attributes;
	struct span local_alias;	/* as dialled */
	struct span ms_subnet[POLICY_LIST_MAX];
	size_t n_ms_subnet;
	struct span p_asserted_identity[POLICY_LIST_MAX];
	size_t n_p_asserted_identity;
	struct span participant_type;	/* standard, api, api_host */
	struct span participant_uuid;
	struct span preauthenticated_role;	/* chair, guest, none */
	struct span previous_service_name;
	struct span protocol;
	struct span proxy_node_address, proxy_node_location;
	struct span receive_from_audio_mix;	/* none = "main" */
	bool registered;
	struct span remote_address;
	int64_t remote_port;
	struct span remote_alias, remote_display_name;
	struct span request_id;
	struct span service_name, unique_service_name, service_tag;
	bool supports_direct_media;
	struct span teams_tenant_id;
	struct span telehealth_request_id;
	struct span third_party_passcode;
	struct span trigger;
	struct span vendor;
	/* --- avatar --- */
	struct span role;		/* chair, guest, unknown */
	int64_t width, height;
	bool is_directory_entry;	/* the avatar of nobody in a call */
	/* --- directory --- */
	struct span q;
	int64_t limit;
	struct span registration_alias;	/* who is searching */
	/* --- registration --- */
	struct span auth_type;		/* credentials, sso */
	/* --- in the path: avatar; registration --- */
	struct span alias;
	/* --- scripts only --- */
	struct span disposition;	/* CONTINUE, REJECT, REDIRECT or none */
};

/* Everything unknown, display_count -1, limit 10. What stays unknown of the
 * texts that a request always has is sent empty, remote_port and bandwidth as
 * 0. */
void policy_facts_init(struct policy_facts *f);

/* The request: `base` is the profile's url (its trailing slashes go), at
 * least "https://h". Writes at most cap - 1 bytes and a NUL; *n without it.
 * E_LIMIT when it does not fit (POLICY_URL_MAX is ample), E_INVAL for a base
 * that is not https, has a query, a fragment or user information, or when the
 * request needs an alias and there is none (or it is "." or "..", which a
 * server would take for a way through its folders). Bad UTF-8 is sent as
 * U+FFFD. */
int policy_url(enum policy_kind kind, struct span base,
	       const struct policy_facts *f, char *dst, size_t cap, size_t *n);

/* --- the table, for vars.c and its tests ---------------------------------- */

enum policy_fact_type {
	POLICY_FACT_TEXT = 0, POLICY_FACT_INT, POLICY_FACT_BOOL,
	POLICY_FACT_TRISTATE,	/* enum policy_bool: True, False */
	POLICY_FACT_ON_OFF,	/* enum policy_bool: On, Off */
	POLICY_FACT_LIST,
	POLICY_FACT_FALSE,	/* always False */
};

struct policy_fact_row {
	const char *name;	/* in a request */
	const char *var;	/* in call_info; NULL = the same */
	enum policy_fact_type type;
	uint8_t always, maybe;	/* bits 1 << enum policy_kind */
	uint16_t offset;	/* into struct policy_facts */
	uint16_t n_offset;	/* POLICY_FACT_LIST: of its length */
	const char *unknown;	/* what an unknown text is sent as; NULL: "" */
};
size_t policy_fact_rows(const struct policy_fact_row **out);
