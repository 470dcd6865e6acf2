import { useEffect, useState } from 'preact/hooks';

const SOON_MS = 1000;

// Says that something goes on, once it has taken longer than a second. The
// region is always there, so that a screen reader tells what appears in it.
export function Progress(p: { busy: boolean; text: string }) {
  const [long, setLong] = useState(false);
  useEffect(() => {
    setLong(false);
    if (!p.busy) return;
    const t = setTimeout(() => setLong(true), SOON_MS);
    return () => clearTimeout(t);
  }, [p.busy]);
  const shown = p.busy && long;
  return (
    <div class={shown ? 'progress' : 'progress empty'} role="status">
      {shown && <span class="spinner small" aria-hidden="true" />}
      {shown && <span>{p.text}</span>}
    </div>
  );
}
