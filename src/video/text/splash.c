#include "video/text/draw.h"

/* Keys are the contract with core; texts are the English ones. */
static const struct splash_text table[] = {
	{"waiting_for_host", "Waiting for the host",
	 "The meeting begins as soon as the host has joined.", ICON_CLOCK},
	{"locked", "This meeting is locked",
	 "Please wait until somebody lets you in.", ICON_LOCK},
	{"alone", "You are the only one here",
	 "Others will appear as soon as they join.", ICON_PERSON},
};

const struct splash_text *splash_find(struct span key)
{
	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (span_eq(key, span_str(table[i].key)))
			return &table[i];
	return NULL;
}
