import { useEffect, useRef } from 'preact/hooks';

export function Ended(p: { reason: string; onAgain: () => void }) {
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => button.current?.focus(), []);
  return (
    <main class="card-page">
      <section class="card" aria-labelledby="ended-title">
        <h1 id="ended-title">Meeting over</h1>
        <p role="status">{p.reason}</p>
        <button ref={button} class="primary" onClick={p.onAgain}>
          Back to the start
        </button>
      </section>
    </main>
  );
}
