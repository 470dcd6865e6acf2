import { useLayoutEffect, useRef } from 'preact/hooks';
import type { Row } from './api';
import { Icon } from './icons';
import type { MeetingState, Session } from './session';

function Person(p: { row: Row; state: MeetingState; session: Session }) {
  const { row, state, session } = p;
  const own = row.uuid === state.uuid;
  const waits = row.service_type === 'waiting_room';
  const muted = row.is_muted === 'YES';
  const speaks = state.speakers.includes(row.uuid);
  return (
    <li class={speaks ? 'speaks' : ''}>
      <span class="who">
        <strong>{row.display_name}</strong>
        <small>
          {own ? 'you, ' : ''}
          {row.role === 'chair' ? 'host' : 'guest'}
          {waits ? ', waiting' : ''}
          {row.is_presenting === 'YES' ? ', presenting' : ''}
          {!row.has_media && !waits ? ', no media' : ''}
        </small>
      </span>
      {(muted || row.is_client_muted) && <Icon name="mic-off" label={muted ? 'muted by a host' : 'muted'} />}
      {row.is_video_muted && <Icon name="cam-off" label="camera off" />}
      {state.host && waits && (
        <button class="small primary" onClick={() => session.person(row.uuid, 'unlock')} aria-label={`Let ${row.display_name} in`}>
          Let in
        </button>
      )}
      {state.host && !own && !waits && (
        <button class="small" onClick={() => session.person(row.uuid, muted ? 'unmute' : 'mute')} aria-label={`${muted ? 'Unmute' : 'Mute'} ${row.display_name}`}>
          {muted ? 'Unmute' : 'Mute'}
        </button>
      )}
      {state.host && !own && (
        <button class="small danger" onClick={() => session.person(row.uuid, 'disconnect')} aria-label={`Remove ${row.display_name}`}>
          Remove
        </button>
      )}
    </li>
  );
}

export function Roster(p: { state: MeetingState; session: Session; onClose: () => void }) {
  const { state, session } = p;
  const close = useRef<HTMLButtonElement>(null);
  useLayoutEffect(() => close.current?.focus(), []);
  const waiting = state.roster.filter((r) => r.service_type === 'waiting_room');
  const inside = state.roster.filter((r) => r.service_type !== 'waiting_room');
  const list = (rows: Row[]) => rows.map((row) => <Person key={row.uuid} row={row} state={state} session={session} />);
  return (
    <aside class="panel" aria-label="People">
      <div class="panel-head">
        <h2>People</h2>
        <button ref={close} class="plain" onClick={p.onClose} aria-label="Close the list of people">
          <Icon name="close" />
        </button>
      </div>
      {state.host && (
        <div class="host-tools" role="group" aria-label="For hosts">
          <button class="small" onClick={() => session.control(state.status.locked ? 'unlock' : 'lock')}>
            {state.status.locked ? 'Unlock' : 'Lock'}
          </button>
          <button class="small" onClick={() => session.control(state.status.guests_muted ? 'unmuteguests' : 'muteguests')}>
            {state.status.guests_muted ? 'Unmute guests' : 'Mute guests'}
          </button>
          {!state.status.started && (
            <button class="small" onClick={() => session.control('start_conference')}>
              Start
            </button>
          )}
          <button class="small danger" onClick={() => confirm('End the meeting for everyone?') && session.control('disconnect')}>
            End for all
          </button>
        </div>
      )}
      {waiting.length > 0 && (
        <>
          <h3>Waiting</h3>
          <ul>{list(waiting)}</ul>
          <h3>In the meeting</h3>
        </>
      )}
      <ul>{list(inside)}</ul>
    </aside>
  );
}
