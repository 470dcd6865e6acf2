import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Icon } from './icons';
import type { MeetingState, Session } from './session';

const CHAT_LENGTH_MAX = 4000;

export function Chat(p: { state: MeetingState; session: Session; onClose: () => void }) {
  const [text, setText] = useState('');
  const log = useRef<HTMLDivElement>(null);
  const input = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => input.current?.focus(), []);
  useEffect(() => {
    p.session.chatSeen();
    log.current?.scrollTo({ top: log.current.scrollHeight });
  }, [p.state.chat.length]);
  return (
    <aside class="panel" aria-label="Chat">
      <div class="panel-head">
        <h2>Chat</h2>
        <button class="plain" onClick={p.onClose} aria-label="Close the chat">
          <Icon name="close" />
        </button>
      </div>
      <div class="chat-log" ref={log} role="log" aria-live="polite" tabIndex={0} aria-label="Messages">
        {p.state.chat.length === 0 && <p class="hint">Messages go to everyone in the meeting and are not kept.</p>}
        {p.state.chat.map((line) => (
          <p key={line.id} class={line.own ? 'own' : ''}>
            <strong>{line.own ? 'You' : line.origin}</strong>
            <time dateTime={line.time.toISOString()}>{line.time.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })}</time>
            <span>{line.text}</span>
          </p>
        ))}
      </div>
      <form
        class="chat-form"
        onSubmit={(e) => {
          e.preventDefault();
          if (!text.trim()) return;
          p.session.sendChat(text);
          setText('');
        }}
      >
        <input ref={input} value={text} maxLength={CHAT_LENGTH_MAX} aria-label="Message" placeholder="Message" autocomplete="off" onInput={(e) => setText(e.currentTarget.value)} />
        <button type="submit" class="primary" disabled={!text.trim()}>
          Send
        </button>
      </form>
    </aside>
  );
}
