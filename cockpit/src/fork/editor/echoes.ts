/** Tells what an editor itself said from what came from outside. Pure. */

/** Texts an editor reported and has not been handed back yet, oldest first. */
export class Echoes {
  #pending: string[] = [];
  #given: string;

  constructor(given: string) {
    this.#given = given;
  }

  /** The editor reports a text. */
  say(text: string): void {
    this.#pending.push(text);
  }

  /**
   * Whether a text that is handed to the editor was written elsewhere and must replace its own.
   * A page that draws for another reason hands over what it knows, which may be older than what
   * was typed meanwhile: that is no news, and neither is what the editor said a moment ago.
   */
  isNews(text: string): boolean {
    if (text === this.#given) return false;
    this.#given = text;
    const at = this.#pending.indexOf(text);
    this.#pending = at < 0 ? [] : this.#pending.slice(at + 1);
    return at < 0;
  }
}
