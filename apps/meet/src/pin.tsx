import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Progress } from './progress';
import { useTitle } from './title';

interface Props {
  conference: string;
  guestMayPass: boolean;
  error: string;
  busy: boolean;
  seconds: number; // for each question; 0 = any
  onPin: (pin: string) => void;
  onBack: () => void;
  onLate: () => void;
}

export function PinPrompt(p: Props) {
  const [pin, setPin] = useState('');
  const input = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => input.current?.focus(), []);
  useTitle(p.error ? 'Code or PIN not right' : 'PIN needed');
  // a wrong PIN: ready to type again
  useEffect(() => {
    if (p.error) {
      setPin('');
      input.current?.focus();
    }
  }, [p.error, p.busy]);
  // each question has its time; none while an answer is being checked
  useEffect(() => {
    if (!p.seconds || p.busy) return;
    const late = setTimeout(p.onLate, p.seconds * 1000);
    return () => clearTimeout(late);
  }, [p.seconds, p.busy, p.error]);
  return (
    <main class="card-page">
      <form
        class="card"
        onSubmit={(e) => {
          e.preventDefault();
          if (pin && !p.busy) p.onPin(pin);
        }}
      >
        <h1>PIN needed</h1>
        <p>Enter the PIN for “{p.conference}”.</p>
        <label class="field" for="pin">
          <span>PIN</span>
          <input
            id="pin"
            ref={input}
            type="password"
            inputMode="numeric"
            autocomplete="off"
            maxLength={20}
            value={pin}
            aria-invalid={p.error !== ''}
            aria-describedby="pin-error"
            onInput={(e) => setPin(e.currentTarget.value.replace(/[^0-9#]/g, ''))}
          />
        </label>
        <p id="pin-error" class="error" role="alert">
          {p.error}
        </p>
        <Progress busy={p.busy} text="Checking your PIN can take up to half a minute. Please stay here." />
        <div class="actions">
          <button type="submit" class="primary" disabled={p.busy || !pin}>
            {p.busy ? 'Checking…' : 'Join'}
          </button>
          {p.guestMayPass && (
            <button type="button" disabled={p.busy} onClick={() => p.onPin('none')}>
              Join as a guest without PIN
            </button>
          )}
          <button type="button" class="plain" onClick={p.onBack}>
            Back
          </button>
        </div>
      </form>
    </main>
  );
}
