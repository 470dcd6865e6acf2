import { useEffect, useRef, useState } from 'preact/hooks';
import { requestToken } from './api';
import { loadChoice, openDevices, saveChoice, stopStream, type Choice } from './devices';
import { Ended } from './ended';
import { Lobby } from './lobby';
import { Meeting } from './meeting';
import { PinPrompt } from './pin';
import { Session } from './session';

type Step =
  | { at: 'lobby'; error: string }
  | { at: 'pin'; guestMayPass: boolean; error: string }
  | { at: 'meeting'; session: Session }
  | { at: 'ended'; reason: string };

function aliasFromPath(): string {
  const m = /^\/meet\/([^/]+)$/.exec(location.pathname);
  try {
    return m?.[1] ? decodeURIComponent(m[1]) : '';
  } catch {
    return '';
  }
}

const NAME_KEY = 'conclave.name';

function savedName(): string {
  try {
    return localStorage.getItem(NAME_KEY) ?? '';
  } catch {
    return '';
  }
}

export function App() {
  const [alias, setAlias] = useState(aliasFromPath);
  const [name, setName] = useState(savedName);
  const [choice, setChoice] = useState<Choice>(loadChoice);
  const [stream, setStream] = useState<MediaStream | null>(null);
  const [problem, setProblem] = useState('');
  const [busy, setBusy] = useState(false);
  const [step, setStep] = useState<Step>({ at: 'lobby', error: '' });
  const opened = useRef(0);

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

  const change = (c: Choice) => {
    saveChoice(c);
    setChoice(c);
  };

  async function join(pin: string | null): Promise<void> {
    setBusy(true);
    try {
      localStorage.setItem(NAME_KEY, name);
    } catch {
      // private mode
    }
    try {
      const answer = await requestToken(alias.trim(), name.trim(), pin, null);
      if (answer.kind === 'joined') {
        opened.current++;
        have.current = null; // the session owns the devices now
        const session = new Session(alias.trim(), answer.joined, stream ?? new MediaStream());
        setStep({ at: 'meeting', session });
      } else if (answer.kind === 'pin') {
        setStep({ at: 'pin', guestMayPass: answer.guestMayPass, error: '' });
      } else if (answer.kind === 'missing') {
        setStep({ at: 'lobby', error: 'There is no meeting of that name, or it is not open to you now.' });
      } else if (answer.kind === 'busy') {
        retry('The platform is busy. Try again in a moment.');
      } else if (answer.text === 'Invalid PIN') {
        setStep((s) => ({ at: 'pin', guestMayPass: s.at === 'pin' && s.guestMayPass, error: 'That PIN is not right. Check it and try again.' }));
      } else {
        setStep({ at: 'lobby', error: answer.text });
      }
    } catch {
      retry('The platform cannot be reached. Check your connection and try again.');
    } finally {
      setBusy(false);
    }
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
          onBack={() => setStep({ at: 'lobby', error: '' })}
        />
      );
    case 'meeting':
      return <Meeting session={step.session} onEnded={(reason) => setStep({ at: 'ended', reason })} />;
    case 'ended':
      return <Ended reason={step.reason} onAgain={() => setStep({ at: 'lobby', error: '' })} />;
  }
}
