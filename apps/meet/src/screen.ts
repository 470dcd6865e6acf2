// The person's screen, a window or a tab, as the browser lets him choose.

// No larger than the meeting forwards, and text that stays sharp.
const WISH: DisplayMediaStreamOptions = {
  video: { width: { max: 1920 }, height: { max: 1080 }, frameRate: { ideal: 15, max: 30 } },
  audio: false,
};

export type Screen = { track: MediaStreamTrack } | { problem: string };

export function canShareScreen(): boolean {
  return typeof navigator.mediaDevices?.getDisplayMedia === 'function';
}

export async function openScreen(): Promise<Screen> {
  try {
    const stream = await navigator.mediaDevices.getDisplayMedia(WISH);
    const track = stream.getVideoTracks()[0];
    if (!track) return { problem: 'The browser gave no picture of the screen.' };
    track.contentHint = 'detail';
    return { track };
  } catch (e) {
    // the person changed his mind: nothing to say
    if (e instanceof DOMException && (e.name === 'NotAllowedError' || e.name === 'AbortError')) return { problem: '' };
    return { problem: 'The screen could not be shared.' };
  }
}
