/* What a leg is told instead of hearing the room: prompts, and the test call.
 *
 * An order waits until the leg is open (keys, address), so that nobody misses
 * the first words.
 */
#include "base/log.h"
#include "media/media.h"

#define MOD "media"

static void told(struct leg *leg, const struct audio_said *said)
{
	Cv__LegPlayed p = CV__LEG_PLAYED__INIT;

	leg->say.state = LEG_SAY_NONE;
	if (!leg->m->core)
		return;
	p.leg = leg->handle;
	p.epoch = leg->say.epoch;
	p.heard = said->loudest;
	p.packets = said->packets;
	(void)ipc_send(leg->m->core, LEG_PLAYED, &p);
}

static void give_up(struct leg *leg)
{
	told(leg, &(struct audio_said){.loudest = 127});
}

static void start(struct leg *leg)
{
	int r = leg->audio ? audio_leg_say(leg->audio, &leg->say.cfg)
			   : E_NOTFOUND;

	if (r == 0) {
		leg->say.state = LEG_SAY_RUNS;
		return;
	}
	leg->m->stats.says_refused++;
	log_warn(MOD, "not said", LOG_U("leg", leg->handle),
		 LOG_E("error", r));
	give_up(leg);
}

static void order(struct leg *leg, uint32_t epoch)
{
	if (leg->audio)
		(void)audio_leg_say(leg->audio, NULL);
	leg->say.epoch = epoch;
	leg->say.state = LEG_SAY_WAITS;
	if (leg_is_open(leg))
		start(leg);
}

void leg_play(struct leg *leg, const Cv__LegPlay *p)
{
	struct audio_say_cfg *cfg = &leg->say.cfg;

	*cfg = (struct audio_say_cfg){
		.prompts = leg->m->prompts, .language = p->language,
		.times = p->times, .gap_ms = p->gap_ms,
	};
	if (p->n_prompts == 0) {
		leg->say.state = LEG_SAY_NONE;
		if (leg->audio)
			(void)audio_leg_say(leg->audio, NULL);
		return;
	}
	leg->say.epoch = p->epoch;
	if (!leg->m->prompts || p->n_prompts > AUDIO_SAY_PARTS_MAX) {
		leg->m->stats.says_refused++;
		give_up(leg);
		return;
	}
	cfg->n = (uint32_t)p->n_prompts;
	for (size_t i = 0; i < p->n_prompts; i++)
		cfg->prompt[i] = p->prompts[i];
	order(leg, p->epoch);
}

void leg_loop(struct leg *leg, const Cv__LegLoop *l)
{
	leg->say.cfg = (struct audio_say_cfg){.record_ms = l->record_ms};
	order(leg, l->epoch);
}

void leg_say_service(struct leg *leg)
{
	struct audio_said said;

	if (leg->say.state == LEG_SAY_WAITS) {
		if (leg_is_open(leg))
			start(leg);
		return;
	}
	if (leg->say.state != LEG_SAY_RUNS)
		return;
	if (leg->audio && audio_leg_said(leg->audio, &said))
		told(leg, &said);
	else if (!leg->audio || !audio_leg_is_saying(leg->audio))
		give_up(leg);	/* the stream was made anew */
}
