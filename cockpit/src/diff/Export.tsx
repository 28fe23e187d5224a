import { useState } from "react";
import { bulkQuery } from "../graphql/bulk";
import { Button } from "../ui/Button";
import { DIFF_HTML, DIFF_MARKDOWN, type Written } from "./questions";

/** The report for a pull request, and as a file: both as the command line writes them. */
export function Export({ a, b }: { a: string; b: string }) {
  const [said, setSaid] = useState<string | null>(null);
  const tell = (word: string) => {
    setSaid(word);
    setTimeout(() => setSaid(null), 2_000);
  };
  const ask = (query: string) => bulkQuery<Written>(query, { a, b });
  const copy = () =>
    ask(DIFF_MARKDOWN)
      .then(({ diff }) => navigator.clipboard.writeText(diff.markdown ?? ""))
      .then(() => tell("copied"))
      .catch(() => tell("not copied"));
  const save = () =>
    ask(DIFF_HTML)
      .then(({ diff }) => download(`diff-${a.slice(-4)}-${b.slice(-4)}.html`, diff.html ?? ""))
      .catch(() => tell("not written"));
  return (
    <>
      <Button tone="quiet" title="Copy the report as Markdown" onPress={() => void copy()}>
        {said ?? "Markdown"}
      </Button>
      <Button tone="quiet" title="Download the report as one HTML file" onPress={() => void save()}>
        HTML
      </Button>
    </>
  );
}

function download(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "text/html" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
