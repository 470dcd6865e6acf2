#include "video/text/draw.h"

/* Keys are the contract with core; texts are the English ones. */
static const struct splash_text table[] = {
	{"waiting_for_host", "Waiting for the host",
	 "The meeting begins as soon as the host has joined.", ICON_CLOCK},
	{"locked", "This meeting is locked",
	 "Please wait until somebody lets you in.", ICON_LOCK},
	{"alone", "You are the only one here",
	 "Others will appear as soon as they join.", ICON_PERSON},
	/* Of callers on their way in: they answer with the keys of a phone. */
	{"enter_pin", "Please enter the PIN",
	 "Use the keypad, and end with the # key.", ICON_LOCK},
	{"enter_pin_or_hash", "Host: please enter the PIN",
	 "End with the # key. Guests press # alone.", ICON_LOCK},
	{"wrong_pin", "That PIN is not correct",
	 "Please try again, and end with the # key.", ICON_LOCK},
	{"enter_alias", "Which meeting?",
	 "Please enter its number, and end with the # key.", ICON_PERSON},
	{"wrong_alias", "That number was not recognised",
	 "Please try again, and end with the # key.", ICON_PERSON},
	{"joining", "You are joining the meeting", "One moment, please.",
	 ICON_CLOCK},
	{"calling", "Calling", "One moment, please.", ICON_CLOCK},
	{"test_call", "Test call",
	 "Please speak after the tone. You will hear yourself.", ICON_PERSON},
	{"goodbye", "Goodbye", "This call ends now.", ICON_CLOCK},
};

const struct splash_text *splash_find(struct span key)
{
	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (span_eq(key, span_str(table[i].key)))
			return &table[i];
	return NULL;
}
