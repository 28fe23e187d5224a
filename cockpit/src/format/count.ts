/** Counts, tokens, bytes and money. */

const exact = new Intl.NumberFormat("en-US");

/** `1,024`; every digit is shown. */
export function count(value: number | string | bigint): string {
  return exact.format(typeof value === "number" ? value : BigInt(value));
}

/** `1 step`, `2 steps`. */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** `940`, `4,102`, `12.9k`, `182k`, `1.1M`; an absent figure is an en dash. */
export function tokens(value: number | string | null | undefined): string {
  if (value === null || value === undefined) return "–";
  const n = Number(value);
  if (n < 10_000) return count(n);
  if (n < 99_950) return `${(n / 1e3).toFixed(1)}k`;
  if (n < 999_500) return `${Math.round(n / 1e3)}k`;
  return n < 99_950_000 ? `${(n / 1e6).toFixed(1)}M` : `${Math.round(n / 1e6)}M`;
}

const cents = new Intl.NumberFormat("en-US", {
  minimumFractionDigits: 2,
  maximumFractionDigits: 2,
});
const fine = new Intl.NumberFormat("en-US", { minimumFractionDigits: 4, maximumFractionDigits: 4 });

/** Micro-USD as `$0.94`, `$1,204.10`; four digits under a cent; an absent price is an en dash. */
export function money(microUsd: number | string | null | undefined): string {
  if (microUsd === null || microUsd === undefined) return "–";
  const dollars = Number(microUsd) / 1e6;
  const size = Math.abs(dollars);
  if (size === 0) return "$0";
  if (size < 0.0001) return "<$0.0001";
  return `${dollars < 0 ? "−" : ""}$${(size < 0.01 ? fine : cents).format(size)}`;
}

/** `812 B`, `4.1 KiB`, `64.0 MiB`. */
export function bytes(value: number | string): string {
  let size = Number(value);
  if (size < 1024) return `${size} B`;
  for (const unit of ["KiB", "MiB", "GiB"]) {
    size /= 1024;
    if (size < 1024) return `${size.toFixed(1)} ${unit}`;
  }
  return `${(size / 1024).toFixed(1)} TiB`;
}

/** `3.1 %`; between 0 and 0.1 % as `<0.1 %`. */
export function share(part: number, whole: number): string {
  if (whole === 0 || part === 0) return "0 %";
  const percent = (100 * part) / whole;
  return percent < 0.1 ? "<0.1 %" : `${percent.toFixed(1)} %`;
}
