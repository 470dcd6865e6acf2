/* Writes seeds for the fuzz targets: make_corpus DIR-OF-VP8 DIR-OF-H264. */
#include <stdio.h>
#include <stdlib.h>
#include "video/t/synth.h"

static void write_stream(const char *dir, const char *name,
			 enum frame_codec codec, unsigned w, unsigned h,
			 unsigned nal_max)
{
	const struct venc_cfg cfg = {
		.codec = codec, .w = (uint16_t)w, .h = (uint16_t)h, .fps = 15,
		.kbps = 64, .nal_max_bytes = (uint16_t)nal_max};
	struct venc *e = NULL;
	struct pic *p = NULL;
	char path[512];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "wb");
	if (!f || venc_new(&e, &cfg) < 0 || pic_new(&p, w, h) < 0)
		exit(1);
	for (unsigned i = 0; i < 4; i++) {
		struct pic_view v = pic_view(p);
		struct venc_out o;

		synth_person(p, 1, i);
		if (venc_encode(e, &v, 6000, i == 3, &o) < 0)
			exit(1);
		fputc((int)(o.data.n >> 8), f);
		fputc((int)(o.data.n & 255), f);
		fwrite(o.data.p, 1, o.data.n, f);
	}
	(void)fclose(f);
	pic_free(&p);
	venc_free(&e);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 1;
	write_stream(argv[1], "small", FRAME_VP8, 32, 32, 0);
	write_stream(argv[1], "wide", FRAME_VP8, 160, 16, 0);
	write_stream(argv[2], "small", FRAME_H264, 32, 32, 0);
	write_stream(argv[2], "slices", FRAME_H264, 64, 64, 700);
	return 0;
}
