/** CodeMirror as the composer needs it; loaded when the composer opens, never with the first page. */

import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { bracketMatching, HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { unifiedMergeView } from "@codemirror/merge";
import {
  Annotation,
  Compartment,
  EditorState,
  type Extension,
  type Transaction,
} from "@codemirror/state";
import {
  drawSelection,
  EditorView,
  highlightSpecialChars,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { Echoes } from "./echoes";

export interface Wanted {
  readonly text: string;
  readonly language: "json" | "text";
  /** Shown as what was there before; null shows no changes. */
  readonly before: string | null;
  readonly label: string;
  readonly onChange: (text: string) => void;
}

export interface Editor {
  /** Takes over language, changes and a text from outside; the cursor stays where it can. */
  readonly update: (wanted: Wanted) => void;
  readonly focus: () => void;
  readonly dispose: () => void;
}

const COLOURS = HighlightStyle.define([
  { tag: tags.propertyName, color: "var(--text-2)" },
  { tag: tags.string, color: "var(--text)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--accent)" },
]);

/** Mod-Enter belongs to the page: it launches. */
const KEYS = [...defaultKeymap, ...historyKeymap].filter(({ key }) => key !== "Mod-Enter");

export function mountEditor(parent: HTMLElement, wanted: Wanted): Editor {
  let current = wanted;
  const echoes = new Echoes(wanted.text);
  const language = new Compartment();
  const changes = new Compartment();
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc: wanted.text,
      extensions: [
        EditorView.cspNonce.of(nonce()),
        lineNumbers(),
        history(),
        drawSelection(),
        bracketMatching(),
        highlightSpecialChars(),
        EditorView.lineWrapping,
        syntaxHighlighting(COLOURS),
        keymap.of([{ key: "Escape", run: leave }, ...KEYS]),
        EditorView.contentAttributes.of({ "aria-label": wanted.label, spellcheck: "false" }),
        EditorView.updateListener.of((update) => {
          if (!update.docChanged || update.transactions.some(isFromOutside)) return;
          const text = update.state.doc.toString();
          echoes.say(text);
          current.onChange(text);
        }),
        language.of(languageOf(wanted)),
        changes.of(changesOf(wanted)),
      ],
    }),
  });
  return {
    update(next) {
      const before = current;
      current = next;
      const effects = [];
      if (next.language !== before.language) effects.push(language.reconfigure(languageOf(next)));
      if (next.before !== before.before) effects.push(changes.reconfigure(changesOf(next)));
      const news = echoes.isNews(next.text) && next.text !== view.state.doc.toString();
      const whole = { from: 0, to: view.state.doc.length, insert: next.text };
      if (news) view.dispatch({ effects, changes: whole, annotations: outside.of(true) });
      else if (effects.length) view.dispatch({ effects });
    },
    focus: () => view.focus(),
    dispose: () => view.destroy(),
  };
}

/** Marks a text that the page put in: it is not reported back. */
const outside = Annotation.define<boolean>();

function isFromOutside(transaction: Transaction): boolean {
  return transaction.annotation(outside) === true;
}

/** Esc gives the keys back to the page: an editor must not keep a reader in. */
function leave(view: EditorView): boolean {
  view.contentDOM.blur();
  return true;
}

function languageOf({ language }: Wanted): Extension {
  return language === "json" ? json() : [];
}

function changesOf({ before }: Wanted): Extension {
  return before === null
    ? []
    : unifiedMergeView({ original: before, mergeControls: false, gutter: true });
}

/** The nonce of this response, under which the editor may write its style sheet. */
function nonce(): string {
  return document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? "";
}
