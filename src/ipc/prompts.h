/* ipc/prompts.h - what the platform can say: the numbers that core orders and
 * media plays (LegPlay.prompts, LegPlay.language).
 *
 * The words are in packaging/prompts/<language>.txt, a line for each name
 * below; the build speaks them into one file. A name without words in any of
 * the languages ends the build. New ones go to the end: the number is the
 * place in the list, from 1.
 */
#pragma once

/* X(enumerator, name in the text files) */
#define PROMPT_LIST(X)                                                        \
	X(WELCOME, welcome)                                                   \
	X(ENTER_ALIAS, enter_alias)                                           \
	X(WRONG_ALIAS, wrong_alias)                                           \
	X(ENTER_PIN, enter_pin)                                               \
	X(ENTER_PIN_OR_HASH, enter_pin_or_hash)                               \
	X(WRONG_PIN, wrong_pin)                                               \
	X(INVALID_PIN, invalid_pin)                                           \
	X(WAIT_FOR_HOST, wait_for_host)                                       \
	X(WAIT_LOCKED, wait_locked)                                           \
	X(JOINING, joining)                                                   \
	X(ALONE, alone)                                                       \
	X(ROOM_FULL, room_full)                                               \
	X(NOT_AVAILABLE, not_available)                                       \
	X(TIMED_OUT, timed_out)                                               \
	X(DISCONNECTED, disconnected)                                         \
	X(ENDED, ended)                                                       \
	X(LOCKED, locked)                                                     \
	X(UNLOCKED, unlocked)                                                 \
	X(GUESTS_MUTED, guests_muted)                                         \
	X(GUESTS_UNMUTED, guests_unmuted)                                     \
	X(MUTED, muted)                                                       \
	X(UNMUTED, unmuted)                                                   \
	X(TEST_SPEAK, test_speak)                                             \
	X(TEST_PLAYBACK, test_playback)                                       \
	X(TEST_GOOD, test_good)                                               \
	X(TEST_SILENT, test_silent)                                           \
	X(CALLING, calling)                                                   \
	X(NO_ANSWER, no_answer)                                               \
	X(BUSY, busy)                                                         \
	X(GOODBYE, goodbye)                                                   \
	X(BEEP, beep)

enum prompt {
	PROMPT_NONE = 0,
#define X(id, name) PROMPT_##id,
	PROMPT_LIST(X)
#undef X
	PROMPT_COUNT
};

enum prompt_language {
	PROMPT_EN = 0, PROMPT_NB, PROMPT_DE, PROMPT_FR, PROMPT_ES,
	PROMPT_LANGUAGE_COUNT
};

enum { PROMPTS_AT_ONCE = 8 };	/* in one LegPlay */
