import { useEffect, useRef, useState } from 'preact/hooks';
import { requestToken } from './api';
import { loadChoice, openDevices, saveChoice, stopStream, type Choice } from './devices';
import { Ended } from './ended';
import { Lobby } from './lobby';
import { Meeting } from './meeting';
import { PinPrompt } from './pin';
import { proofsFor, takeAddress } from './invitation';
import { Session, refusalText } from './session';

type Step =
  | { at: 'lobby'; error: string }
  | { at: 'pin'; guestMayPass: boolean; error: string; seconds: number }
  | { at: 'meeting'; session: Session }
  | { at: 'ended'; reason: string };

// Whether the code or the PIN is wrong is not told to anybody.
const NOT_RIGHT = 'This meeting code or PIN is not right. Check both and try again.';
const TOO_LATE = 'No PIN was entered in time. Join again when you have it.';

const NAME_KEY = 'conclave.name';

function savedName(): string {
  try {
    return localStorage.getItem(NAME_KEY) ?? '';
  } catch {
    return '';
  }
}

export function App() {
  const [alias, setAlias] = useState(takeAddress);
  const [name, setName] = useState(savedName);
  const [choice, setChoice] = useState<Choice>(loadChoice);
  const [stream, setStream] = useState<MediaStream | null>(null);
  const [problem, setProblem] = useState('');
  const [busy, setBusy] = useState(false);
  const [step, setStep] = useState<Step>({ at: 'lobby', error: '' });
  const opened = useRef(0);
  const asking = useRef<AbortController | null>(null);

  // Devices open while the lobby is shown; a change of choice opens them anew.
  const wantDevices = step.at === 'lobby' || step.at === 'pin';
  const have = useRef<MediaStream | null>(null);
  useEffect(() => {
    if (!wantDevices) return;
    const turn = ++opened.current;
    void openDevices(choice).then((r) => {
      if (turn !== opened.current) return stopStream(r.stream);
      stopStream(have.current);
      have.current = r.stream;
      setStream(r.stream);
      setProblem(r.problem);
    });
  }, [choice, wantDevices]);

  // an invitation opened in this very tab changes the fragment only
  useEffect(() => {
    const moved = () => setAlias(takeAddress());
    window.addEventListener('hashchange', moved);
    return () => window.removeEventListener('hashchange', moved);
  }, []);

  const change = (c: Choice) => {
    saveChoice(c);
    setChoice(c);
  };

  async function join(pin: string | null): Promise<void> {
    const turn = new AbortController();
    asking.current?.abort();
    asking.current = turn;
    setBusy(true);
    try {
      localStorage.setItem(NAME_KEY, name);
    } catch {
      // private mode
    }
    try {
      const answer = await requestToken(alias.trim(), name.trim(), { pin, ...proofsFor(alias.trim()) }, turn.signal);
      if (turn.signal.aborted) return;
      if (answer.kind === 'joined') {
        opened.current++;
        have.current = null; // the session owns the devices now
        const session = new Session(alias.trim(), answer.joined, stream ?? new MediaStream());
        setStep({ at: 'meeting', session });
      } else if (answer.kind === 'pin') {
        setStep({ at: 'pin', guestMayPass: answer.guestMayPass, error: '', seconds: answer.seconds });
      } else if (answer.kind === 'missing') {
        retry(NOT_RIGHT);
      } else if (answer.kind === 'busy') {
        retry('The platform is busy. Try again in a moment.');
      } else if (answer.text === 'Invalid PIN') {
        setStep((s) => ({ at: 'pin', guestMayPass: s.at === 'pin' && s.guestMayPass, error: NOT_RIGHT, seconds: s.at === 'pin' ? s.seconds : 0 }));
      } else {
        setStep({ at: 'lobby', error: refusalText(answer.text, answer.reference) });
      }
    } catch {
      if (!turn.signal.aborted) retry('The platform cannot be reached. Check your connection and try again.');
    } finally {
      if (asking.current === turn) setBusy(false);
    }
  }

  // Back to the start; an answer that still comes is for nobody.
  function back(error = ''): void {
    asking.current?.abort();
    asking.current = null;
    setBusy(false);
    setStep({ at: 'lobby', error });
  }

  function retry(error: string): void {
    setStep((s) => (s.at === 'pin' ? { ...s, error } : { at: 'lobby', error }));
  }

  switch (step.at) {
    case 'lobby':
      return (
        <Lobby
          alias={alias}
          name={name}
          choice={choice}
          stream={stream}
          problem={problem}
          error={step.error}
          busy={busy}
          onAlias={setAlias}
          onName={setName}
          onChoice={change}
          onJoin={() => void join(null)}
        />
      );
    case 'pin':
      return (
        <PinPrompt
          conference={alias}
          guestMayPass={step.guestMayPass}
          error={step.error}
          busy={busy}
          onPin={(pin) => void join(pin)}
          seconds={step.seconds}
          onBack={() => back()}
          onLate={() => back(TOO_LATE)}
        />
      );
    case 'meeting':
      return <Meeting session={step.session} onEnded={(reason) => setStep({ at: 'ended', reason })} />;
    case 'ended':
      return <Ended reason={step.reason} onAgain={() => setStep({ at: 'lobby', error: '' })} />;
  }
}
