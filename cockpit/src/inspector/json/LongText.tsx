import { useState } from "react";
import { bytes } from "../../format/count";
import { Button } from "../../ui/Button";
import { Recorded } from "../../ui/Recorded";
import { type Place, preview } from "../payload";

const FIRST = 2_000;
/** Most bytes the server sends of one text. */
const MOST = 1_048_576;

/** Text with its beginning shown; the rest, or what the server cut away, on request. */
export function LongText({
  text,
  place,
  pointer,
  cut,
  size,
}: {
  text: string;
  /** Where the rest is asked for; null when all of it is here. */
  place: Place | null;
  pointer: string;
  /** Whether the server sent only both ends. */
  cut: boolean;
  size?: string | null | undefined;
}) {
  const [whole, setWhole] = useState<string | null>(null);
  const [all, setAll] = useState(false);
  const shown = whole ?? text;
  const long = shown.length > FIRST && !all;
  const load = () => {
    setAll(true);
    if (cut && place)
      void preview(place, pointer, MOST).then((found) => setWhole(found.text ?? text));
  };
  return (
    <>
      <Recorded text={long && !cut ? shown.slice(0, FIRST) : shown} />
      {long || (cut && whole === null) ? (
        <Button tone="quiet" onPress={load}>
          {cut
            ? `both ends of ${bytes(size ?? 0)} · load all`
            : `… ${bytes(shown.length - FIRST)} more`}
        </Button>
      ) : null}
    </>
  );
}
