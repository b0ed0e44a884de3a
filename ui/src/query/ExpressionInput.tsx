// The PromQL editor: highlighting, linting and completion from the reference's own editor package, fed by our API.
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, insertNewlineAndIndent } from "@codemirror/commands";
import { bracketMatching, HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { lintKeymap } from "@codemirror/lint";
import { Compartment, EditorState, Prec } from "@codemirror/state";
import { EditorView, keymap, placeholder } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useComputedColorScheme } from "@mantine/core";
import { PromQLExtension } from "@prometheus-io/codemirror-promql";
import { useEffect, useRef } from "react";

import { basePath } from "../api/http";

const style = HighlightStyle.define([
  { tag: tags.number, color: "var(--mantine-color-teal-text)" },
  { tag: tags.string, color: "var(--mantine-color-grape-text)" },
  { tag: [tags.keyword, tags.modifier, tags.operatorKeyword], color: "var(--mantine-color-blue-text)" },
  { tag: tags.function(tags.variableName), color: "var(--mantine-color-orange-text)" },
  { tag: tags.labelName, color: "var(--mantine-color-dimmed)" },
  { tag: tags.operator, color: "var(--mantine-color-blue-text)" },
  { tag: tags.comment, color: "var(--mantine-color-dimmed)", fontStyle: "italic" },
]);

interface Props {
  value: string;
  onChange: (value: string) => void;
  onRun: () => void;
}

export function ExpressionInput({ value, onChange, onRun }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const scheme = useRef(new Compartment());
  const dark = useComputedColorScheme("light") === "dark";
  // The editor outlives many renders and must call the newest handlers.
  const handlers = useRef({ onChange, onRun });
  handlers.current = { onChange, onRun };

  useEffect(() => {
    if (!host.current) return;
    const promql = new PromQLExtension()
      .activateCompletion(true)
      .activateLinter(true)
      .setComplete({ remote: { url: basePath, cache: { initialMetricList: [] } } });
    view.current = new EditorView({
      parent: host.current,
      state: EditorState.create({
        doc: value,
        extensions: [
          history(),
          bracketMatching(),
          closeBrackets(),
          autocompletion(),
          syntaxHighlighting(style),
          promql.asExtension(),
          EditorView.lineWrapping,
          EditorView.contentAttributes.of({ "aria-label": "PromQL expression" }),
          placeholder("A PromQL expression, such as up; Shift+Enter for a new line"),
          scheme.current.of(EditorView.theme({}, { dark })),
          keymap.of([...closeBracketsKeymap, ...completionKeymap, ...lintKeymap, ...historyKeymap, ...defaultKeymap]),
          // Below the completion list's own Enter, above the default one.
          Prec.high(
            keymap.of([
              { key: "Enter", run: () => (handlers.current.onRun(), true) },
              { key: "Shift-Enter", run: insertNewlineAndIndent },
            ]),
          ),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) handlers.current.onChange(update.state.doc.toString());
          }),
        ],
      }),
    });
    return () => view.current?.destroy();
    // The editor is made once; later values and schemes are sent into it below.
  }, []);

  useEffect(() => {
    const editor = view.current;
    if (editor && editor.state.doc.toString() !== value) {
      editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: value } });
    }
  }, [value]);

  useEffect(() => {
    view.current?.dispatch({ effects: scheme.current.reconfigure(EditorView.theme({}, { dark })) });
  }, [dark]);

  return <div className="fs-expression" ref={host} />;
}
