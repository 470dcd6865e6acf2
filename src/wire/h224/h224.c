#include "wire/h224/h224.h"
#include "base/rd.h"
#include "base/wr.h"

enum {
	Q922_HIGH_OCTET = 0x00, Q922_LOW = 0x61, Q922_HIGH = 0x71,
	Q922_UI = 0x03,
	CLIENT_CME = 0x00, CLIENT_H281 = 0x01,
	CLIENT_EXTENDED = 0x7e, CLIENT_NON_STANDARD = 0x7f,
	CLIENT_MASK = 0x7f, CLIENT_HAS_EXTRAS = 0x80,
	/* first or last of several segments; no C bits in ours */
	SEGMENT_ES = 0x80, SEGMENT_BS = 0x40, SEGMENT_NUMBER = 0x0f,
	CME_CLIENTS = 0x01, CME_EXTRAS = 0x02,
	CME_IS = 0x00, CME_ASKS = 0xff,
	EXTENDED_LEN = 1, NON_STANDARD_LEN = 5,
	H281_START = 0x01, H281_CONTINUE = 0x02, H281_STOP = 0x03,
	H281_SOURCE = 0x04, H281_SWITCHED = 0x05,
	H281_STORE = 0x06, H281_ACTIVATE = 0x07,
	PAN = 0x80, PAN_RIGHT = 0x40, TILT = 0x20, TILT_UP = 0x10,
	ZOOM = 0x08, ZOOM_IN = 0x04, FOCUS = 0x02, FOCUS_FAR = 0x01,
	TIMEOUT_MASK = 0x0f,
};

/* --- the management client ---------------------------------------------- */

static void read_clients(struct h224_frame *f, struct rd *r)
{
	uint8_t n = rd_u8(r);

	f->kind = H224_CLIENTS;
	for (uint8_t i = 0; i < n && !r->failed; i++) {
		const uint8_t id = rd_u8(r) & CLIENT_MASK;

		if (id == CLIENT_EXTENDED)
			rd_skip(r, EXTENDED_LEN);
		else if (id == CLIENT_NON_STANDARD)
			rd_skip(r, NON_STANDARD_LEN);
		else if (id == CLIENT_H281)
			f->has_h281 = true;
	}
}

static void read_cme(struct h224_frame *f, struct rd *r)
{
	const uint8_t what = rd_u8(r), how = rd_u8(r);

	if (what == CME_CLIENTS && how == CME_ASKS) {
		f->kind = H224_CLIENTS_ASKED;
	} else if (what == CME_CLIENTS && how == CME_IS) {
		read_clients(f, r);
	} else if (what == CME_EXTRAS && (how == CME_ASKS || how == CME_IS)) {
		if ((rd_u8(r) & CLIENT_MASK) == CLIENT_H281)
			f->kind = how == CME_ASKS ? H224_EXTRAS_ASKED
						  : H224_EXTRAS;
	}
}

/* --- the camera --------------------------------------------------------- */

static int8_t axis(uint8_t bits, uint8_t on, uint8_t positive)
{
	if (!(bits & on))
		return 0;
	return bits & positive ? 1 : -1;
}

static void read_move(struct h224_frame *f, uint8_t bits)
{
	f->move = (struct h224_move){
		.pan = axis(bits, PAN, PAN_RIGHT),
		.tilt = axis(bits, TILT, TILT_UP),
		.zoom = axis(bits, ZOOM, ZOOM_IN),
		.focus = axis(bits, FOCUS, FOCUS_FAR)};
}

static void read_h281(struct h224_frame *f, struct rd *r)
{
	const uint8_t what = rd_u8(r), bits = rd_u8(r);
	uint8_t steps;

	switch (what) {
	case H281_START:
		steps = rd_u8(r) & TIMEOUT_MASK;
		f->kind = H224_START;
		f->timeout_ms = steps ? (uint16_t)(steps *
						   H224_TIMEOUT_STEP_MS)
				      : H224_TIMEOUT_MAX_MS;
		break;
	case H281_CONTINUE:
		f->kind = H224_CONTINUE;
		break;
	case H281_STOP:
		f->kind = H224_STOP;
		break;
	case H281_SOURCE:
	case H281_SWITCHED:
		f->kind = H224_SOURCE;
		return;
	case H281_STORE:
	case H281_ACTIVATE:
		f->kind = H224_PRESET;
		return;
	default:
		return;
	}
	read_move(f, bits);
}

/* --- frames ------------------------------------------------------------- */

static bool is_whole(uint8_t segment)
{
	const uint8_t ends = segment & (SEGMENT_ES | SEGMENT_BS);

	return !(segment & SEGMENT_NUMBER) &&
	       (ends == 0 || ends == (SEGMENT_ES | SEGMENT_BS));
}

int h224_decode(struct h224_frame *out, struct span payload)
{
	struct h224_frame f = {.kind = H224_OTHER};
	struct rd r = rd_of(payload);
	const uint8_t high = rd_u8(&r), low = rd_u8(&r), ui = rd_u8(&r);
	uint8_t client, segment;

	rd_skip(&r, 4);			/* terminals: there is one here */
	client = rd_u8(&r);
	/* what follows the number of such a client is its own */
	segment = rd_u8(&r);
	if (r.failed)
		return E_TRUNC;
	if (payload.n > H224_FRAME_MAX || high != Q922_HIGH_OCTET ||
	    (low != Q922_LOW && low != Q922_HIGH) || ui != Q922_UI)
		return E_FORMAT;
	if (is_whole(segment) && client == CLIENT_CME)
		read_cme(&f, &r);
	else if (is_whole(segment) && client == CLIENT_H281)
		read_h281(&f, &r);
	/* a later edition may say more behind what we know */
	if (r.failed)
		return E_TRUNC;
	*out = f;
	return 0;
}

static uint8_t bits_of(const struct h224_move *m)
{
	const uint8_t pan = m->pan > 0 ? PAN | PAN_RIGHT : PAN;
	const uint8_t tilt = m->tilt > 0 ? TILT | TILT_UP : TILT;
	const uint8_t zoom = m->zoom > 0 ? ZOOM | ZOOM_IN : ZOOM;
	const uint8_t focus = m->focus > 0 ? FOCUS | FOCUS_FAR : FOCUS;

	return (uint8_t)((m->pan ? pan : 0) | (m->tilt ? tilt : 0) |
			 (m->zoom ? zoom : 0) | (m->focus ? focus : 0));
}

static uint8_t steps_of(uint16_t ms)
{
	const unsigned steps = ms / H224_TIMEOUT_STEP_MS;

	if (ms >= H224_TIMEOUT_MAX_MS)
		return 0;
	return steps ? (uint8_t)steps : 1;
}

int h224_encode(void *buf, size_t cap, struct span *out,
		const struct h224_frame *f)
{
	const bool is_camera = f->kind >= H224_START && f->kind <= H224_STOP;
	struct wr w = wr_of(buf, cap);

	wr_u8(&w, Q922_HIGH_OCTET);
	wr_u8(&w, Q922_LOW);
	wr_u8(&w, Q922_UI);
	wr_zero(&w, 4);
	wr_u8(&w, is_camera ? CLIENT_H281 : CLIENT_CME);
	wr_u8(&w, SEGMENT_ES | SEGMENT_BS);
	switch (f->kind) {
	case H224_CLIENTS:
		wr_u8(&w, CME_CLIENTS);
		wr_u8(&w, CME_IS);
		wr_u8(&w, f->has_h281 ? 1 : 0);
		if (f->has_h281)
			wr_u8(&w, CLIENT_HAS_EXTRAS | CLIENT_H281);
		break;
	case H224_CLIENTS_ASKED:
		wr_u8(&w, CME_CLIENTS);
		wr_u8(&w, CME_ASKS);
		break;
	case H224_EXTRAS:
		wr_u8(&w, CME_EXTRAS);
		wr_u8(&w, CME_IS);
		wr_u8(&w, CLIENT_HAS_EXTRAS | CLIENT_H281);
		wr_u8(&w, 0);		/* presets */
		break;
	case H224_START:
		wr_u8(&w, H281_START);
		wr_u8(&w, bits_of(&f->move));
		wr_u8(&w, steps_of(f->timeout_ms));
		break;
	case H224_CONTINUE:
	case H224_STOP:
		wr_u8(&w, f->kind == H224_STOP ? H281_STOP : H281_CONTINUE);
		wr_u8(&w, bits_of(&f->move));
		break;
	default:
		return E_INVAL;
	}
	return wr_end(&w, out);
}
