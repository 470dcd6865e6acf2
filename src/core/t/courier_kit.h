/* core/t/courier_kit.h - courier, and the policy server behind it, played. */
#pragma once
#include "core/t/core_kit.h"
#include "courier.pb-c.h"

/* Of an answer, in document order. */
struct kit_node {
	uint32_t parent;
	Cv__JsonKind kind;
	const char *key, *text;
};

#define KIT_O(parent, key) {parent, CV__JSON_KIND__JSON_OBJECT, key, NULL}
#define KIT_L(parent, key) {parent, CV__JSON_KIND__JSON_LIST, key, NULL}
#define KIT_S(parent, key, text) {parent, CV__JSON_KIND__JSON_TEXT, key, text}
#define KIT_T(parent, key) {parent, CV__JSON_KIND__JSON_TRUE, key, NULL}

/* A profile "P" with these switches, in force everywhere by the location
 * "all". */
void kit_profile(struct kit *k, const char *const *fields);
/* The next request; its URL must hold both (the second may be NULL). Its
 * number. */
uint32_t kit_asked(struct kit *k, const char *path, const char *holds);
/* HTTP's status, and nodes if it is 200. */
void kit_tell(struct kit *k, uint32_t req, uint32_t status,
	      const struct kit_node *nodes, size_t n);
void kit_tell_image(struct kit *k, uint32_t req, struct span jpeg);
void kit_tell_error(struct kit *k, uint32_t req, Cv__HttpError e);
#define KIT_ANSWER(k, req, nodes) \
	kit_tell((k), (req), 200, (nodes), sizeof(nodes) / sizeof((nodes)[0]))
