import type { Joined } from './api';

// What the peer connection is made with: the servers that the answer to the
// join named, none when it named none.
export function peerConfig(joined: Pick<Joined, 'stun' | 'turn' | 'use_relay_candidates_only'>): RTCConfiguration {
  const iceServers: RTCIceServer[] = [
    ...(joined.stun ?? []).filter((s) => s.url).map((s) => ({ urls: s.url })),
    ...(joined.turn ?? [])
      .filter((t) => t.urls?.length)
      .map((t) => ({ urls: t.urls, username: t.username ?? '', credential: t.credential ?? '' })),
  ];
  return { bundlePolicy: 'max-bundle', iceServers, iceTransportPolicy: joined.use_relay_candidates_only ? 'relay' : 'all' };
}
