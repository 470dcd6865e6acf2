/* media/audio/codec/g711/g711.h - ITU-T G.711, one sample at a time. Pure. */
#pragma once
#include <stdint.h>

int16_t g711_ulaw_decode(uint8_t code);
uint8_t g711_ulaw_encode(int16_t pcm);
int16_t g711_alaw_decode(uint8_t code);
uint8_t g711_alaw_encode(int16_t pcm);
