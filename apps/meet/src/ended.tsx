import { useLayoutEffect, useRef } from 'preact/hooks';
import { useTitle } from './title';

export function Ended(p: { reason: string; onAgain: () => void }) {
  const button = useRef<HTMLButtonElement>(null);
  useLayoutEffect(() => button.current?.focus(), []);
  useTitle('Meeting over');
  return (
    <main class="card-page">
      <section class="card" aria-labelledby="ended-title">
        <h1 id="ended-title">Meeting over</h1>
        <p id="ended-reason" role="status">{p.reason}</p>
        <button ref={button} type="button" class="primary" aria-describedby="ended-reason" onClick={p.onAgain}>
          Back to the start
        </button>
      </section>
    </main>
  );
}
