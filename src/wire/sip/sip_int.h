/* wire/sip - what the files of this folder share: character classes and a
 * cursor over one header value. A fold's CR and LF count as blanks here,
 * because sip_decode() lets no other CR or LF pass. */
#pragma once
#include "base/err.h"
#include "wire/sip/sip.h"

enum {
	C_TOKEN = 1,	/* RFC 3261 25.1 token */
	C_BLANK = 2,	/* SP HTAB CR LF */
	C_ALNUM = 4,
	C_USER = 8,	/* unreserved, user-unreserved, and '#' (README.md) */
	C_UPARAM = 16,	/* unreserved, param-unreserved */
	C_UHEADER = 32,	/* unreserved, hnv-unreserved, and & = */
	C_VALUE = 64,	/* in an unquoted value of a header parameter */
	C_GRAPH = 128,	/* 0x21..0x7e */
};
extern const uint8_t sip_class[256];

static inline bool sip_is(uint8_t c, unsigned classes)
{
	return (sip_class[c] & classes) != 0;
}

struct lex {
	const uint8_t *p, *end;
};

static inline struct lex lex_of(struct span s)
{
	return (struct lex){s.p, s.n ? s.p + s.n : s.p};
}

static inline bool lex_end(const struct lex *l)
{
	return l->p == l->end;
}

static inline struct span lex_rest(const struct lex *l)
{
	return span_of(l->p, (size_t)(l->end - l->p));
}

static inline void lex_blanks(struct lex *l)
{
	while (l->p < l->end && sip_is(*l->p, C_BLANK))
		l->p++;
}

/* The run of bytes of these classes, may be empty. */
static inline struct span lex_run(struct lex *l, unsigned classes)
{
	const uint8_t *from = l->p;

	while (l->p < l->end && sip_is(*l->p, classes))
		l->p++;
	return span_of(from, (size_t)(l->p - from));
}

/* This byte, if it is next. */
static inline bool lex_byte(struct lex *l, uint8_t c)
{
	if (l->p == l->end || *l->p != c)
		return false;
	l->p++;
	return true;
}

/* The same with blanks around it. */
static inline bool lex_mark(struct lex *l, uint8_t c)
{
	lex_blanks(l);
	if (!lex_byte(l, c))
		return false;
	lex_blanks(l);
	return true;
}

static inline uint8_t sip_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

/* Behind an opening quote: the inside up to the closing one, which is eaten.
 * False for an open or malformed string. */
bool sip_lex_quoted(struct lex *l, struct span *inside);
/* ";a=b ;c" to the end of the value: well-formed, at most SIP_PARAMS_MAX. */
int sip_check_params(struct span params);
/* Without blanks and folds at both ends. */
struct span sip_trim(struct span s);
/* 1*DIGIT with blanks around, the whole value. Too large: E_LIMIT. */
int sip_number(struct span value, uint64_t max, uint64_t *out);
/* Up to `n` hex digits of either case. */
bool sip_hex(struct span s, uint32_t *out);
/* "host [: port]" with blanks around the colon (Via); what follows stays. */
int sip_lex_host(struct lex *l, struct sip_host *out);
/* A value that another decoder may have taken folds from: as text, with each
 * fold as one blank. */
void sip_put_unfolded(struct wr *w, struct span s);
/* Fails the writer when s holds CR, LF or NUL. */
void sip_put_text(struct wr *w, struct span s);

/* Lines of a head. Ends in LF; `crlf` says whether in CR LF. */
struct sip_line {
	struct span text;		/* without its end */
	bool crlf;
};
/* False when there is no LF in the rest. */
bool sip_next_line(struct lex *l, struct sip_line *out);
/* Request or status line. E_FORMAT, E_VERSION. Fills what it can: is_request
 * and method_text also on E_VERSION and on a malformed URI. */
int sip_start_line(struct sip_peek *out, struct span line);
/* Is it "Content-Length" (or l) and what does it say? 1, 0 or E_FORMAT. */
int sip_content_length(struct span name, struct span value, size_t *out);
