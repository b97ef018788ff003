/** Holds requests back while the server asks for a key, until somebody has signed in. */
export class Gate {
  /** Called where a request was refused for want of a valid key. */
  onClosed: () => void = () => undefined;
  /** Grows each time that it opens. */
  turn = 0;
  private closed: Promise<void> | null = null;
  private release: () => void = () => undefined;

  /** Resolves when a request may be sent, with the turn in which it is. */
  async pass(): Promise<number> {
    while (this.closed !== null) await this.closed;
    return this.turn;
  }

  /** Closes the gate, but not for a request of an earlier turn, which had the key of before. */
  refuse(turn: number): void {
    if (turn !== this.turn || this.closed !== null) return;
    this.closed = new Promise((resolve) => (this.release = resolve));
    this.onClosed();
  }

  /** Starts a turn: what was held back is sent. */
  open(): void {
    this.turn += 1;
    this.closed = null;
    this.release();
  }
}
