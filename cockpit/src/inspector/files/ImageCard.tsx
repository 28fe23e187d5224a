import { useEffect, useState } from "react";
import { bytes, count } from "../../format/count";
import { readBytes, type Source } from "../../graphql/artifact";
import { failureOf } from "../../graphql/failure";
import { Button } from "../../ui/Button";
import styles from "./Files.module.css";
import {
  IMAGE_BYTES,
  IMAGE_PIXELS,
  type ImageType,
  imageSize,
  imageType,
  type Size,
} from "./sniff";

const NAME: Record<ImageType, string> = {
  "image/png": "PNG",
  "image/jpeg": "JPEG",
  "image/gif": "GIF",
  "image/webp": "WebP",
};

/** A recorded image as a card; only *Show* fetches and decodes it. */
export function ImageCard({
  source,
  type,
  size,
  head,
  name,
}: {
  source: Source;
  type: ImageType;
  size: number;
  head: Uint8Array;
  name: string;
}) {
  const [shown, setShown] = useState<{ url: string; size: Size } | null>(null);
  const [trouble, setTrouble] = useState<string | null>(null);
  const [loading, setLoading] = useState(false);
  useEffect(() => () => (shown ? URL.revokeObjectURL(shown.url) : undefined), [shown]);
  const said = imageSize(head, type);
  const refused = refusal(size, said);
  const show = () => {
    setLoading(true);
    setTrouble(null);
    decoded(source, size, type)
      .then(setShown)
      .catch((error: unknown) => setTrouble(failureOf(error).message))
      .finally(() => setLoading(false));
  };
  return (
    <figure className={styles.card}>
      {shown ? (
        <img
          className={styles.image}
          src={shown.url}
          width={shown.size.width}
          height={shown.size.height}
          alt={`Recorded file ${name}`}
        />
      ) : null}
      <figcaption className={styles.caption}>
        <span>{NAME[type]} image</span>
        {said ? (
          <span>
            {count(said.width)} × {count(said.height)} px
          </span>
        ) : null}
        {shown ? (
          <Button tone="quiet" onPress={() => setShown(null)}>
            Hide
          </Button>
        ) : refused ? (
          <span>{refused}</span>
        ) : (
          <Button disabled={loading} onPress={show}>
            {loading ? "loading…" : "Show"}
          </Button>
        )}
        {trouble ? (
          <span className={styles.trouble} role="alert">
            {trouble}
          </span>
        ) : null}
      </figcaption>
    </figure>
  );
}

/** Why an image is not shown; null when it can be. */
function refusal(size: number, said: Size | null): string | null {
  if (size > IMAGE_BYTES) return `not shown: over ${bytes(IMAGE_BYTES)}`;
  if (said && said.width * said.height > IMAGE_PIXELS) return "not shown: too many pixels";
  return null;
}

/** The image, fetched whole, known for what it is, of a bearable size, and decoded once. */
async function decoded(source: Source, size: number, type: ImageType) {
  const whole = await readBytes(source, 0, Math.min(size, IMAGE_BYTES));
  const said = imageType(whole) === type ? imageSize(whole, type) : null;
  if (!said || said.width === 0 || said.height === 0) throw new Error("This is no whole image.");
  if (said.width * said.height > IMAGE_PIXELS) throw new Error("It has too many pixels to show.");
  const url = URL.createObjectURL(new Blob([whole], { type }));
  const image = new Image();
  image.src = url;
  try {
    await image.decode();
  } catch {
    URL.revokeObjectURL(url);
    throw new Error("The image cannot be decoded.");
  }
  return { url, size: said };
}
