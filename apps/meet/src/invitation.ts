// What the address of the page says: the meeting's code in the path, an
// invitation's key in the fragment, which browsers send to nobody:
//   /meet/board#invitation=KEY      or      /#/board?invitation=KEY
// The key stays in this tab; the address bar loses it, so that it is not read
// over a shoulder, copied along or kept in the history.

export interface Address {
  alias: string;
  invitation: string;
}

const KEY = /^[A-Za-z0-9_-]{1,64}$/;

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

export function readAddress(pathname: string, hash: string): Address {
  const fragment = hash.replace(/^#/, '');
  const inPath = /^\/meet\/([^/]+)$/.exec(pathname)?.[1] ?? '';
  const inFragment = fragment.startsWith('/') ? fragment.slice(1).split('?')[0] ?? '' : '';
  const query = fragment.startsWith('/') ? fragment.split('?').slice(1).join('?') : fragment;
  const key = new URLSearchParams(query).get('invitation') ?? '';
  return { alias: decoded(inFragment || inPath).slice(0, 250), invitation: KEY.test(key) ? key : '' };
}

// The address without the key, but with the meeting: it may be loaded again.
export function plainAddress(pathname: string, address: Address): string {
  return address.alias ? `/meet/${encodeURIComponent(address.alias)}` : pathname;
}

// --- what this tab remembers of one meeting -------------------------------------

interface Kept {
  alias: string;
  invitation?: string;
  reconnect?: string;
}

const STORE = 'conclave.meeting';

function kept(): Kept {
  try {
    const k = JSON.parse(sessionStorage.getItem(STORE) ?? 'null');
    return k && typeof k.alias === 'string' ? k : { alias: '' };
  } catch {
    return { alias: '' };
  }
}

function keep(k: Kept): void {
  try {
    sessionStorage.setItem(STORE, JSON.stringify(k));
  } catch {
    // private mode: the key lives as long as the page
  }
}

const inMemory: Kept = { alias: '' };

const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

function of(alias: string): Kept {
  const k = kept();
  if (same(k.alias, alias)) return k;
  return same(inMemory.alias, alias) ? inMemory : { alias };
}

export function proofsFor(alias: string): { invitation: string | null; reconnect: string | null } {
  const k = of(alias);
  return { invitation: k.invitation ?? null, reconnect: k.reconnect ?? null };
}

// The credential of a join, so that a page that is loaded again comes back
// without a PIN; null forgets it.
export function rememberReconnect(alias: string, reconnect: string | null): void {
  const k: Kept = { ...of(alias), alias };
  if (reconnect) k.reconnect = reconnect;
  else delete k.reconnect;
  Object.assign(inMemory, { invitation: undefined }, k);
  keep(k);
}

// Once, when the page starts.
export function takeAddress(): string {
  const address = readAddress(location.pathname, location.hash);
  if (address.invitation) {
    const k: Kept = { ...of(address.alias), alias: address.alias, invitation: address.invitation };
    Object.assign(inMemory, k);
    keep(k);
    history.replaceState(null, '', plainAddress(location.pathname, address));
  }
  return address.alias || kept().alias;
}
