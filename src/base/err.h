/* base/err.h - the one list of error codes.
 *
 * A function returns 0 or a negative E_* value. The second column of the list
 * says who is to blame, so that a role can decide what to do without knowing
 * the code: a PEER error is counted and dropped, an ENV error is logged once
 * and told to the operator, an US error is a bug.
 */
#pragma once

enum err_blame { ERR_PEER = 1, ERR_US, ERR_ENV };

#define ERR_LIST(X)                                                           \
	X(E_INTERNAL,    1, US,   "internal error")                           \
	X(E_NOMEM,       2, ENV,  "out of memory")                            \
	X(E_INVAL,       3, US,   "invalid argument")                         \
	X(E_FORMAT,      4, PEER, "malformed input")                          \
	X(E_TRUNC,       5, PEER, "truncated input")                          \
	X(E_LIMIT,       6, PEER, "a named limit was exceeded")               \
	X(E_FULL,        7, ENV,  "table or queue is full")                   \
	X(E_AUTH,        8, PEER, "authentication failed")                    \
	X(E_REPLAY,      9, PEER, "replayed")                                 \
	X(E_AGAIN,      10, ENV,  "try again later")                          \
	X(E_CLOSED,     11, PEER, "closed by the other side")                 \
	X(E_NOTFOUND,   12, PEER, "no such object")                           \
	X(E_EXISTS,     13, PEER, "already exists")                           \
	X(E_DENIED,     14, PEER, "not permitted")                            \
	X(E_STATE,      15, PEER, "not in this state")                        \
	X(E_UNSUPPORTED,16, PEER, "not supported")                            \
	X(E_SYS,        17, ENV,  "system call failed")                       \
	X(E_CORRUPT,    18, ENV,  "stored data is damaged")                   \
	X(E_VERSION,    19, ENV,  "made by another version")                  \
	X(E_NOSPACE,    20, ENV,  "no space left")                            \
	X(E_BUSY,       21, ENV,  "in use")                                   \
	X(E_TIMEOUT,    22, PEER, "timed out")                                \
	X(E_CRYPTO,     23, ENV,  "cryptographic library refused")

enum err_code {
#define X(name, n, blame, text) name = -(n),
	ERR_LIST(X)
#undef X
};

/* A constant English text for a code; "success" for 0, never NULL. */
const char *err_text(int code);

/* The constant's own name, for instance "E_FORMAT". */
const char *err_name(int code);

/* Who is to blame. ERR_US for a value outside the list. */
enum err_blame err_blame(int code);
