#!/usr/bin/env python3
"""Speaks packaging/prompts/*.txt into one file for media.

build-prompts.py PACKER PROMPTS_H TEXT_DIR OUT

The names come from PROMPT_LIST in src/ipc/prompts.h; every language must have
words for each (the beep is made by the packer). espeak-ng says them, the
packer (src/media/audio/t/prompts_pack.c) resamples, trims, levels and writes.
"""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

# In the order of enum prompt_language.
LANGUAGES = [("en", "en-gb"), ("nb", "nb"), ("de", "de"), ("fr", "fr-fr"), ("es", "es")]
MADE = {"beep"}
WORDS_PER_MINUTE = "150"


def names(header: Path) -> list[str]:
    body = header.read_text().split("#define PROMPT_LIST(X)")[1].split("enum prompt")[0]
    return re.findall(r"X\([A-Z_]+, ([a-z_]+)\)", body)


def words(path: Path, wanted: list[str]) -> dict[str, str]:
    said = {}
    for n, line in enumerate(path.read_text().splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        name, sep, text = line.partition(": ")
        if not sep or name not in wanted or name in said or not text.strip():
            sys.exit(f"{path}:{n}: must be 'name: words', with a name of src/ipc/prompts.h, once")
        said[name] = text.strip()
    missing = [w for w in wanted if w not in said and w not in MADE]
    if missing:
        sys.exit(f"{path}: no words for {', '.join(missing)}")
    return said


def main() -> None:
    packer, header, texts, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
    wanted = names(header)
    with tempfile.TemporaryDirectory() as tmp:
        files = []
        for short, voice in LANGUAGES:
            said = words(texts / f"{short}.txt", wanted)
            for name in wanted:
                if name in MADE:
                    files.append("-")
                    continue
                wav = f"{tmp}/{short}-{name}.wav"
                subprocess.run(["espeak-ng", "-v", voice, "-s", WORDS_PER_MINUTE, "-w", wav, "--stdin"],
                               input=said[name].encode(), check=True)
                files.append(wav)
        subprocess.run([packer, out, str(len(LANGUAGES)), str(len(wanted)), *files], check=True)


main()
