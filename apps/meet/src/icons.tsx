const PATHS: Record<string, string> = {
  mic: 'M12 14a3 3 0 0 0 3-3V6a3 3 0 0 0-6 0v5a3 3 0 0 0 3 3zm5-3a5 5 0 0 1-10 0M12 16v4m-3 0h6',
  'mic-off': 'M9 9v2a3 3 0 0 0 4.5 2.6M15 11V6a3 3 0 0 0-5.8-1M7 11a5 5 0 0 0 8 4m2-4a5 5 0 0 1-.3 1.7M12 16v4m-3 0h6M4 4l16 16',
  cam: 'M4 7h10a1 1 0 0 1 1 1v8a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V8a1 1 0 0 1 1-1zm11 4 6-3v8l-6-3',
  'cam-off': 'M10 7h4a1 1 0 0 1 1 1v4m0 4a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V8a1 1 0 0 1 1-1h1m10 4 6-3v8l-4-2M4 4l16 16',
  people: 'M9 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zm-6 8a6 6 0 0 1 12 0m1-8a3 3 0 0 0 0-6m1 8a6 6 0 0 1 4 6',
  chat: 'M4 5h16v11H9l-5 4V5z',
  leave: 'M10 5H5v14h5m4-4 4-3-4-3m4 3H9',
  lock: 'M6 11h12v9H6zm2 0V8a4 4 0 0 1 8 0v3',
  screen: 'M4 5h16v11H4zm5 15h6m-3-4v4m0-7V8m-2.5 2.5L12 8l2.5 2.5',
  'screen-off': 'M4 5h16v11H4zm5 15h6m-3-4v4M9.5 8l5 5m0-5-5 5',
  close: 'M6 6l12 12M18 6 6 18',
};

export function Icon(p: { name: keyof typeof PATHS & string; label?: string }) {
    return (
    <svg class="icon" viewBox="0 0 24 24" role={p.label ? 'img' : undefined} aria-label={p.label} aria-hidden={!p.label}>
      <path d={PATHS[p.name]} fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round" />
    </svg>
  );
}
