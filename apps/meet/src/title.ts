import { useEffect } from 'preact/hooks';

// The window's title says where the person is.
export function useTitle(what: string): void {
  useEffect(() => {
    document.title = `${what} - Conclave`;
  }, [what]);
}
